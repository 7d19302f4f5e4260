// The websocket of a page: opened again whenever it is closed, and told the number of the page that is shown.

import { HOLDERS_PROTOCOL } from "../templates/view.js";

/** How long a closed connection stays closed. */
const AGAIN_MS = 10_000;

/**
 * Keeps a websocket to our own server. `onMessage` gets each message, `onState` "live" or "lost". The returned function sends the number of a page, now or as
 * soon as there is a connection.
 */
export function connect({ page, onMessage, onState }) {
  const url = new URL("/update/client/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  let shown = page;
  let socket;

  function open() {
    socket = new WebSocket(url, [HOLDERS_PROTOCOL]);
    socket.addEventListener("open", () => {
      socket.send(String(shown));
      onState("live");
    });
    socket.addEventListener("message", ({ data }) => onMessage(JSON.parse(data)));
    // Also comes after a connection that could not be made at all.
    socket.addEventListener("close", () => {
      onState("lost");
      setTimeout(open, AGAIN_MS);
    });
  }

  open();
  return (next) => {
    shown = next;
    if (socket.readyState === WebSocket.OPEN) socket.send(String(next));
  };
}
