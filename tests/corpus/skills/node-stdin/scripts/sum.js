let text = "";
process.stdin.on("data", (chunk) => (text += chunk));
process.stdin.on("end", () => {
  const numbers = text.trim().split(/\s+/).map(Number);
  console.log(numbers.reduce((sum, number) => sum + number, 0));
});
