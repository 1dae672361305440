/**
 * An FTP client that does one thing at a time: `node ftp-client.mjs <address> [<own address>]`. It reads commands
 * from standard input, one a line, and answers each with one line:
 *
 *     say <line>            sends a line on the control connection; the last line of the reply
 *     listen                opens a port for a data connection from the server; the address and port
 *     open <host> <port>    opens a data connection; `open` once it is there
 *     data                  what came through the data connection, once it has ended
 */
import net from "node:net";
import { createInterface } from "node:readline";

const [address = "", localAddress] = process.argv.slice(2);

const fail = (error) => {
  process.stderr.write(`ftp: ${error.message}\n`);
  process.exit(1);
};
const answer = (text) => process.stdout.write(`${text}\n`);

/** Replies that nobody has asked for yet, and questions that wait for one. */
const replies = [];
const waiting = [];
let received;

const control = net.connect({ host: address, port: 21, localAddress });
control.on("error", fail);
createInterface({ input: control }).on("line", (line) => {
  // A dash behind the number: more lines follow.
  if (!/^\d{3} /.test(line)) return;
  const ask = waiting.shift();
  if (ask === undefined) replies.push(line);
  else ask(line);
});

const nextReply = () =>
  replies.length > 0 ? Promise.resolve(replies.shift()) : new Promise((done) => waiting.push(done));

function gather(socket) {
  let text = "";
  socket.on("error", fail).on("data", (bytes) => {
    text += bytes;
  });
  received = new Promise((done) => socket.on("end", () => done(text)));
}

const commands = {
  async say(words) {
    if (words.length > 0) control.write(`${words.join(" ")}\r\n`);
    return nextReply();
  },
  async listen() {
    const server = net.createServer();
    received = new Promise((done) => {
      server.once("connection", (socket) => {
        gather(socket);
        done(received);
      });
    });
    await new Promise((done) => server.listen(0, control.localAddress, done));
    return `${control.localAddress} ${server.address().port}`;
  },
  open([host, port]) {
    return new Promise((done) => {
      const socket = net.connect({ host, port: Number(port) }, () => done("open"));
      gather(socket);
    });
  },
  data: () => received,
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const [name, ...words] = line.split(" ");
  answer(String(await commands[name](words)).replaceAll("\n", "\\n"));
});
