"""The screens. A view receives services by their Protocols and shows what they tell."""
