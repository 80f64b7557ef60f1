"""Publishing: TFX's Pusher, with versions that appear whole or not at all."""
