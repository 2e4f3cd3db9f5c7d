"""Generated from src/meshlab/live/proto by scripts/protoc.py; do not edit."""
