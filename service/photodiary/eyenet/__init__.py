"""What serving and training share: the network, how its maps become eyes, how photos are framed for it, weights on disk."""
