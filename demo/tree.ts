/** A small but varied tree to back up, and the changes of a day. */

import { createCipheriv } from 'node:crypto';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Bytes that do not compress, the same ones each time for one seed. */
export function noise(length: number, seed: string): Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(length));
}

/** Text that compresses well, as logs and dumps do. */
function rows(count: number): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++)
    lines.push(`INSERT INTO orders VALUES (${i}, 'customer ${(i * 7919) % 1000}', ${(i * 104729) % 10007}.00);`);
  return `${lines.join('\n')}\n`;
}

/** Makes the tree in `folder`. */
export function makeTree(folder: string): void {
  mkdirSync(join(folder, 'documents/letters'), { recursive: true });
  mkdirSync(join(folder, 'photos'), { recursive: true });
  mkdirSync(join(folder, 'empty directory'));
  for (let i = 0; i < 400; i++) {
    writeFileSync(
      join(folder, 'documents/letters', `letter ${i}.txt`),
      `Dear reader number ${i},\n${'all is well. '.repeat(i % 50)}\n`,
    );
  }
  for (let i = 0; i < 4; i++)
    writeFileSync(join(folder, 'photos', `IMG_${1000 + i}.jpg`), noise(3_000_000 + i * 100_000, `photo ${i}`));
  writeFileSync(join(folder, 'orders.sql'), rows(150_000));
  writeFileSync(join(folder, 'documents/naïve — ☃.txt'), 'Names may be anything.\n');
  writeFileSync(
    Buffer.concat([Buffer.from(join(folder, 'documents/caf')), Buffer.from([0xe9])]),
    'This name is Latin-1, not UTF-8.\n',
  );
  writeFileSync(join(folder, 'run me.sh'), '#!/bin/sh\necho hello\n', { mode: 0o750 });
  writeFileSync(join(folder, 'secret'), 'only for me\n', { mode: 0o600 });
  writeFileSync(join(folder, 'empty'), '');
  symlinkSync('documents/letters', join(folder, 'mail'));
  symlinkSync('nowhere', join(folder, 'dangling'));
  linkSync(join(folder, 'orders.sql'), join(folder, 'orders (the same file).sql'));
  writeFileSync(join(folder, 'disk.img'), noise(65_536, 'boot'));
  truncateSync(join(folder, 'disk.img'), 50_000_000);
  utimesSync(join(folder, 'empty'), 1_000_000_000, 1_000_000_000);
}

/** A day's changes: little of much. */
export function changeTree(folder: string): string[] {
  appendFileSync(join(folder, 'orders.sql'), "INSERT INTO orders VALUES (150000, 'one more', 1.00);\n");
  writeFileSync(join(folder, 'documents/letters/letter 7.txt'), 'Written anew.\n');
  writeFileSync(join(folder, 'photos/IMG_2000.jpg'), noise(500_000, 'a new one'));
  renameSync(join(folder, 'photos/IMG_1001.jpg'), join(folder, 'photos/harbour.jpg'));
  rmSync(join(folder, 'secret'));
  return ['one row appended to a 9 MB dump', 'a letter rewritten', 'a photo added, another renamed', 'a file deleted'];
}
