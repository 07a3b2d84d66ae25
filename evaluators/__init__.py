"""Who answers, and where: prompts, engines, Ray, and a run from first sample to scores."""
