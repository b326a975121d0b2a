"""What language models are asked, and what their answers may say."""
