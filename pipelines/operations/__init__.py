"""What an administrator does: look over the installation, back up and restore, let old data go."""
