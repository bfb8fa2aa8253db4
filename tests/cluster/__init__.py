"""`make test-k8s`: the server as pods of a real Kubernetes, shaken while people talk."""
