import net from 'node:net';
import process from 'node:process';

/** Accepts POSTs and answers 200 as cheaply as Node can, so that only the sender is measured. */
const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');

const server = net.createServer({ noDelay: true }, (socket) => {
  let text = '';
  socket.setEncoding('latin1');
  socket.on('error', () => undefined);
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
    if (text.length < end + 4 + length) return;
    // There is only one request at a time on a connection.
    text = '';
    socket.write(answer);
  });
});

server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as net.AddressInfo).port);
});
process.once('disconnect', () => process.exit());
