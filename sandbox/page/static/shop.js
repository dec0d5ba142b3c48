// The shop tells the page around it how many messages of the chat are unread.
// The agent reads this address on the card; language and colours are no part of it.
history.replaceState(null, "", "/shop");
addEventListener("threadbridge:ready", () => {
  document.body.classList.add("chat-ready");
  window.Threadbridge.on("unread", ({ count }) => parent.postMessage({ unread: Number(count) || 0 }, location.origin));
});
const timer = setTimeout(() => document.body.classList.add("chat-missing"), 4000);
addEventListener("threadbridge:ready", () => clearTimeout(timer));
for (const link of document.querySelectorAll("a[href='#']")) link.addEventListener("click", (event) => event.preventDefault());
document.getElementById("ask").addEventListener("click", () => window.Threadbridge?.open());
