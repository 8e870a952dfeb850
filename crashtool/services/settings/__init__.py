"""Settings of a call: flags, environment, project file, user file, and what each may say."""
