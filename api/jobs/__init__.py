"""Work that needs pictures: asked for here, done by workers, which lease it. No video is touched in this house."""
