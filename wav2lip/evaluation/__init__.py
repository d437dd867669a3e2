"""How good a lip-sync is: sync and picture figures, and videos whose sound is put right."""
