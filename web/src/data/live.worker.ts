/** A shared worker: all windows of the command center have one connection to the server between them. */
import { Stream } from "./stream";

const ports = new Set<MessagePort>();
let stream: Stream | undefined;

self.addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0];
  if (!port) return;
  ports.add(port);
  port.onmessage = (message) => {
    if (message.data !== "bye") return;
    ports.delete(port);
    if (!ports.size) {
      stream?.stop();
      stream = undefined;
    }
  };
  stream ??= new Stream((news) => ports.forEach((each) => each.postMessage(news)));
  port.postMessage(stream.status());
});
