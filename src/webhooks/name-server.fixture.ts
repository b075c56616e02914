import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** The records of each name; a name that is not listed does not exist. `drop`: no answer at all. */
export type Zone = Readonly<
  Record<
    string,
    {
      readonly a?: string[];
      readonly aaaa?: string;
      readonly cname?: string;
      readonly drop?: 'a' | 'aaaa' | 'all';
    }
  >
>;

const types = { a: 1, cname: 5, aaaa: 28 } as const;

/** A name server on loopback, over UDP, with the part of RFC 1035 that a stub resolver uses. */
export async function nameServer(
  zone: Zone,
): Promise<{ readonly server: string; readonly asked: string[]; close(): void }> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, from) => {
    const { name, type, end } = question(query);
    asked.push(name);
    const entry = zone[name];
    const kind = type === types.a ? 'a' : 'aaaa';
    if (entry?.drop === kind || entry?.drop === 'all') return;
    const records = entry === undefined ? [] : recordsOf(zone, name, type);
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(entry === undefined ? 0x8183 : 0x8180, 2); // NXDOMAIN or NOERROR
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    socket.send(
      Buffer.concat([head, query.subarray(12, end), ...records]),
      from.port,
      from.address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    server: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () => socket.close(),
  };
}

function question(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function recordsOf(zone: Zone, name: string, type: number): Buffer[] {
  const entry = zone[name];
  if (entry?.cname !== undefined) {
    return [record(name, types.cname, encoded(entry.cname)), ...recordsOf(zone, entry.cname, type)];
  }
  if (type === types.a) {
    return (entry?.a ?? []).map((text) =>
      record(name, type, Buffer.from(text.split('.').map(Number))),
    );
  }
  if (type !== types.aaaa || entry?.aaaa === undefined) return [];
  const groups = entry.aaaa.split(':').flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return [record(name, type, Buffer.from(groups))];
}

function record(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(60, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encoded(name), fixed, data]);
}

function encoded(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'));
  return Buffer.concat([...labels, Buffer.from([0])]);
}
