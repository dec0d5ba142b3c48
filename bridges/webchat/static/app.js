// Starts the chat.
