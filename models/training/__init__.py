"""Fine-tuning on a city's own classes: data sets in, a model in the user's registry out."""
