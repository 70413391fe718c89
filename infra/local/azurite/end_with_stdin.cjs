// Preloaded into Azurite: when whoever started it is gone, even by kill -9, so is Azurite, after saving.
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
process.stdin.unref();
