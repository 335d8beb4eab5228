"""What a job is in the classifications of BPS: KBJI 2014 unit groups of occupations, KBLI 2020 codes of industries."""
