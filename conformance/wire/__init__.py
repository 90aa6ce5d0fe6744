"""HTTP and Socket.IO as the suite speaks them: every exchange recorded, no wait without end."""
