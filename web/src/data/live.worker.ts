/** A shared worker: all windows of the command center have one connection to the server between them. */
import { setCsrf } from "./api";
import { Stream } from "./stream";

let stream: Stream | undefined;

/** A window has said how it is signed in. */
function begin(said: { csrf: string }): void {
  setCsrf(said.csrf);
  stream ??= new Stream((news) => ports.forEach((each) => each.postMessage(news)));
}

const ports = new Set<MessagePort>();

self.addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0];
  if (!port) return;
  ports.add(port);
  port.onmessage = (message) => {
    if (message.data !== "bye") return begin(message.data as { csrf: string });
    ports.delete(port);
    if (!ports.size) {
      stream?.stop();
      stream = undefined;
    }
  };
  if (stream) port.postMessage(stream.status());
});
