"""What makes the folders of `vaelib/shipped/`: run as modules from the root of the checkout.

ship              the small form of a run, with its pictures and its card
pictures          what the model of a run generates, as WebP files
model_card        the README.md of a shipped folder
train_classifier  the attribute classifier, trained and written
pack_images       a prepared CelebA in one small zip, for a machine with a limit on uploads
gpu.sh            all measurements and training runs that need a GPU
"""
