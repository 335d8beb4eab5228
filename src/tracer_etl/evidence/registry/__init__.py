"""The office's own lists of participants made into the registry: who took which class."""
