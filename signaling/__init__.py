"""The live protocol between a browser and a room."""
