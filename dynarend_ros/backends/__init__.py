"""Ways of planning and carrying out motions: ``ompl`` (own), ``moveit`` (moveit_py), ``move_group`` (its actions)."""
