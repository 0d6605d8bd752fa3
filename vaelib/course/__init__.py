"""What only the chapters use: exercises with their checks, claims, figures, sliders."""
