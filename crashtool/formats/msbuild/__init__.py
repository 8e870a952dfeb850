"""Visual Studio projects (.vcxproj) and property sheets (.props): what they build, and how.

`elements` reads the XML. `property_values` expands macros and judges conditions, and keeps apart
what is not known. `project` joins a project with its sheets and gives the settings of each
configuration.
"""
