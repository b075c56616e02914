import http from 'node:http';
import process from 'node:process';

/**
 * The baseline for the server: node:http that does nothing else. POST parses the JSON and echoes
 * it; GET answers a prepared text as long as one of our status answers.
 */
const getBody = JSON.stringify({ padding: 'x'.repeat(Number(process.env['GET_BYTES'] ?? 700)) });
const getHeaders = {
  'content-type': 'application/json',
  'content-length': Buffer.byteLength(getBody),
};

http
  .createServer((request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(200, getHeaders);
      response.end(getBody);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString());
      const body = JSON.stringify(parsed);
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      response.end(body);
    });
  })
  .listen(Number(process.env['PORT']), '127.0.0.1');
