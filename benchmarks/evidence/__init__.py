"""Does composed data make multi-concept personalisation better, and by how much?"""
