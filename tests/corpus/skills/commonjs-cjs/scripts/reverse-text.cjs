exports.reverse = (text) => [...text].reverse().join("");
