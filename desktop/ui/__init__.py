"""Theme, icons, fonts, translations: what every window shares and no service knows."""
