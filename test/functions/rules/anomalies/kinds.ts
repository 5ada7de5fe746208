/**
 * What people back up, and what happens to it on ordinary days: figures and habits of a home folder, of logs, of dumps.
 * They are assumptions, written down here so that they can be disputed; docs/anomalies.md names them in words.
 */

import type { Chance } from './chance.ts';
import type { Content } from './content.ts';

/** An hour of a set's life. */
export interface Hour {
  /** Days since the set's beginning, of which the first is a Monday. */
  readonly day: number;
  readonly hour: number;
}

export interface Kind {
  /** Fills a set of one host: sizes differ from host to host. */
  readonly begin: (content: Content, chance: Chance) => void;
  readonly hour: (content: Content, chance: Chance, now: Hour) => void;
}

const MB = 1e6;
const GB = 1e9;

const isWeekend = ({ day }: Hour) => day % 7 >= 5;
const isOffice = (now: Hour) => !isWeekend(now) && now.hour >= 8 && now.hour < 18;
const isFirstOfMonth = ({ day }: Hour) => day % 30 === 0;
/** True in one hour of so many days on average. */
const once = (chance: Chance, days: number) => chance.is(1 / (24 * days));
const onceInOffice = (chance: Chance, days: number, now: Hour) => isOffice(now) && chance.is(7 / 5 / (10 * days));

const home: Kind = {
  begin: (content, chance) => {
    const scale = chance.around(1);
    content.start('documents', 20_000 * scale, 8 * GB * scale, 0.55);
    content.start('photos', 6_000 * scale, 25 * GB * scale, 0.99);
    content.start('caches', 8_000, 1.5 * GB, 0.7);
    content.start('downloads', 300, 4 * GB, 0.95);
  },
  hour: (content, chance, now) => {
    if (isOffice(now)) {
      const files = chance.around(4);
      content.edit('documents', files, files * chance.around(0.3 * MB));
      if (chance.is(0.5)) content.add('documents', 1, chance.around(0.4 * MB));
      content.edit('caches', chance.around(40), chance.around(6 * MB));
    }
    if (once(chance, 20)) {
      const files = chance.around(150, 1);
      content.add('photos', files, files * 4 * MB);
    }
    if (once(chance, 60)) content.add('photos', 4, chance.around(3 * GB));
    if (once(chance, 15)) content.add('downloads', 2, chance.around(0.4 * GB, 1));
    if (once(chance, 30)) content.remove('downloads', chance.between(0.2, 0.8));
    if (onceInOffice(chance, 14, now)) content.edit('documents', 2, chance.around(1.5 * GB)); // A mailbox is compacted.
    if (once(chance, 20)) content.replace('caches', chance.between(0.1, 0.5));
    if (once(chance, 90)) content.touch('documents', content.files('documents') * chance.between(0.02, 0.3));
  },
};

const etc: Kind = {
  begin: (content, chance) => content.start('conf', chance.around(1800, 0.3), chance.around(9 * MB), 0.3),
  hour: (content, chance, now) => {
    const edit = (files: number) => content.edit('conf', files, files * 5000);
    if (onceInOffice(chance, 2, now)) edit(chance.around(3));
    if (now.hour === 6 && chance.is(1 / 7)) edit(chance.around(25));
    if (once(chance, 60)) content.touch('conf', content.files('conf') * chance.between(0.05, 0.25));
    if (once(chance, 60)) edit(8);
    if (once(chance, 40)) content.add('conf', chance.around(30), chance.around(0.3 * MB));
  },
};

const logs: Kind = {
  begin: (content, chance) => {
    const scale = chance.around(1);
    content.start('open', 60, 0.6 * GB * scale, 0.08);
    content.start('rotated', 260, 1.2 * GB * scale, 1);
  },
  hour: (content, chance, now) => {
    content.edit('open', chance.around(30, 0.3), content.bytes('open') * chance.between(0.01, 0.03));
    if (once(chance, 40)) content.add('open', 1, chance.around(2 * GB, 0.6)); // Something logs in a loop.
    if (now.hour !== 3) return;
    const share = now.day % 7 === 6 ? 0.9 : 0.3;
    content.touch('rotated', content.files('rotated') * share);
    content.edit('rotated', 20, content.bytes('rotated') * share * 0.1);
    const loud = content.bytes('open') > content.bytes('rotated');
    if (loud && now.day % 7 === 6) content.remove('open', 0.5);
    content.edit('open', 20, content.bytes('open') * 0.1);
  },
};

const dumpPacked: Kind = {
  begin: (content, chance) => content.start('dump', chance.around(5), chance.around(6 * GB), 1),
  hour: (content, chance, now) => {
    if (now.hour !== 1) return;
    content.replace('dump', 1);
    content.edit('dump', content.files('dump'), content.bytes('dump'));
    content.add('dump', 0, content.bytes('dump') * chance.between(0, 0.006));
    if (isFirstOfMonth(now)) content.remove('dump', chance.between(0, 0.15));
    if (content.files('dump') < 1) content.start('dump', 1, content.bytes('dump'), 1);
  },
};

const dumpPlain: Kind = {
  begin: (content, chance) => content.start('dump', chance.around(8), chance.around(12 * GB), 0.18),
  hour: (content, chance, now) => {
    if (now.hour !== 1) return;
    content.edit('dump', content.files('dump'), content.bytes('dump') * chance.between(0.02, 0.15));
    content.add('dump', 0, content.bytes('dump') * chance.between(0, 0.003));
    if (now.day % 7 === 6) content.replace('dump', chance.between(0.3, 1));
    if (chance.is(1 / 90)) content.replace('dump', chance.between(0.6, 1));
  },
};

const mail: Kind = {
  begin: (content, chance) => {
    const scale = chance.around(1);
    content.start('mails', 180_000 * scale, 22 * GB * scale, 0.6);
  },
  hour: (content, chance, now) => {
    const files = content.files('mails');
    const busy = isOffice(now) ? 1 : 0.15;
    const news = chance.around(files / 5000) * busy;
    content.add('mails', news, news * 0.12 * MB);
    content.touch('mails', chance.around(files / 2000) * busy);
    if (now.hour === 2) content.remove('mails', chance.between(0, 0.001));
    if (isFirstOfMonth(now) && now.hour === 2) content.touch('mails', files * chance.between(0.01, 0.15));
    if (once(chance, 300)) content.add('mails', files * 0.1, content.bytes('mails') * chance.between(0.05, 0.2));
  },
};

const development: Kind = {
  begin: (content, chance) => {
    const scale = chance.around(1);
    content.start('code', 50_000 * scale, 2 * GB * scale, 0.35);
    content.start('modules', 60_000 * scale, 0.8 * GB * scale, 0.3);
    content.start('build', 4000 * scale, 0.6 * GB * scale, 0.3);
  },
  hour: (content, chance, now) => {
    if (isOffice(now)) {
      content.edit('code', chance.around(30), chance.around(2 * MB));
      content.replace('build', chance.between(0, 0.4));
    }
    const code = content.files('code');
    if (onceInOffice(chance, 2, now)) content.edit('code', chance.around(code / 60, 1), chance.around(20 * MB, 1));
    if (onceInOffice(chance, 7, now)) content.replace('modules', chance.between(0.02, 0.7));
    if (once(chance, 30)) content.add('code', chance.around(code / 20), chance.around(0.2 * GB));
    if (once(chance, 40)) content.remove('code', chance.between(0.02, 0.15));
  },
};

const system: Kind = {
  begin: (content, chance) => content.start('usr', chance.around(170_000, 0.3), chance.around(7 * GB, 0.3), 0.4),
  hour: (content, chance, now) => {
    const files = content.files('usr');
    if (now.hour === 6 && chance.is(0.5)) content.replace('usr', Math.min(0.05, chance.around(0.002, 1)));
    if (now.hour === 6 && chance.is(1 / 21)) {
      content.add('usr', 6000, 0.4 * GB);
      content.remove('usr', 6000 / files);
    }
    if (now.hour === 6 && now.day % 28 === 8) content.replace('usr', chance.between(0.02, 0.12));
    if (once(chance, 60)) content.replace('usr', chance.between(0.05, 0.25));
  },
};

const media: Kind = {
  begin: (content, chance) => content.start('media', chance.around(90_000), chance.around(1500 * GB), 0.99),
  hour: (content, chance) => {
    const [files, bytes] = [content.files('media'), content.bytes('media')];
    const size = bytes / Math.max(1, files);
    if (once(chance, 5)) {
      const news = chance.around(300, 1);
      content.add('media', news, news * size);
    }
    if (once(chance, 60)) content.edit('media', files * chance.between(0.005, 0.05), bytes * 0.002);
    if (once(chance, 45)) content.remove('media', chance.between(0, 0.03));
  },
};

const tiny: Kind = {
  begin: (content, chance) => content.start('notes', chance.between(2, 20), chance.around(0.3 * MB, 1.2), 0.4),
  hour: (content, chance, now) => {
    if (isOffice(now) && chance.is(0.2)) content.replace('notes', chance.next());
    if (once(chance, 20)) content.add('notes', 1, chance.around(0.1 * MB, 1.5));
    if (once(chance, 40)) content.remove('notes', chance.next());
    if (content.files('notes') === 0) content.add('notes', 2, 20_000);
  },
};

const spool: Kind = {
  begin: (content, chance) => content.start('queue', 20, chance.around(2 * MB), 0.5),
  hour: (content, chance) => {
    content.remove('queue', chance.next());
    content.add('queue', chance.around(15, 1.3), chance.around(2 * MB, 1.3));
  },
};

const machines: Kind = {
  begin: (content, chance) => content.start('disks', chance.between(2, 12), chance.around(150 * GB), 0.5),
  hour: (content, chance, now) => {
    const bytes = content.bytes('disks');
    content.edit('disks', content.files('disks'), bytes * chance.around(0.0008));
    if (now.hour === 3 && now.day % 28 === 9) content.edit('disks', 12, bytes * chance.between(0.04, 0.15));
    if (once(chance, 120)) content.add('disks', 1, chance.around(25 * GB));
  },
};

const website: Kind = {
  begin: (content, chance) => {
    content.start('code', chance.around(8000), chance.around(0.25 * GB), 0.3);
    content.start('uploads', chance.around(30_000), chance.around(15 * GB), 0.97);
    content.start('cache', 3000, 0.3 * GB, 0.25);
  },
  hour: (content, chance, now) => {
    const busy = now.hour >= 7 ? 1 : 0.2;
    const news = chance.around(4) * busy;
    content.add('uploads', news, news * 0.5 * MB);
    content.replace('cache', chance.between(0, 0.3));
    if (onceInOffice(chance, 12, now)) {
      content.touch('code', content.files('code')); // A release in a folder of its own.
      content.edit('code', 400, content.bytes('code') * 0.06);
    }
    if (once(chance, 10)) content.remove('cache', chance.between(0.3, 1));
    if (content.files('cache') < 1000) content.add('cache', 500, 0.05 * GB);
    if (once(chance, 200)) content.replace('uploads', chance.between(0.05, 0.25)); // Thumbnails, made anew.
  },
};

const database: Kind = {
  begin: (content, chance) => {
    content.start('tables', chance.around(3000), chance.around(40 * GB), 0.35);
    content.start('journal', 60, 1 * GB, 0.6);
  },
  hour: (content, chance, now) => {
    const [files, bytes] = [content.files('tables'), content.bytes('tables')];
    content.edit('tables', files * 0.02, bytes * chance.around(0.004));
    content.replace('journal', 0.3);
    content.add('tables', 0, bytes * chance.between(0, 0.0001));
    if (now.hour === 3 && now.day % 7 === 6) content.edit('tables', files * 0.2, bytes * chance.between(0.05, 0.2));
    if (once(chance, 60)) content.edit('tables', files * 0.3, bytes * chance.between(0.1, 0.4)); // Reindexed.
  },
};

const repository: Kind = {
  begin: (content, chance) => content.start('packs', chance.around(20_000), chance.around(100 * GB), 1),
  hour: (content, chance, now) => {
    const files = content.files('packs');
    const size = content.bytes('packs') / Math.max(1, files);
    if (now.hour === 2) {
      const news = chance.around(files / 400);
      content.add('packs', news, news * size);
    }
    if (isFirstOfMonth(now) && now.hour === 4) {
      content.replace('packs', chance.between(0.03, 0.2));
      content.remove('packs', chance.between(0.02, 0.1));
    }
  },
};

const fileServer: Kind = {
  begin: (content, chance) => {
    const scale = chance.around(1);
    content.start('projects', 250_000 * scale, 200 * GB * scale, 0.65);
    content.start('archives', 4000 * scale, 80 * GB * scale, 0.99);
  },
  hour: (content, chance, now) => {
    const [files, bytes] = [content.files('projects'), content.bytes('projects')];
    if (isOffice(now)) {
      content.edit('projects', chance.around(files / 3000), chance.around(bytes / 3000));
      content.add('projects', chance.around(files / 15_000), chance.around(bytes / 15_000));
    }
    if (onceInOffice(chance, 30, now)) {
      const share = chance.between(0.005, 0.03);
      content.remove('projects', share);
      content.add('archives', 3, bytes * share * 0.7); // A project is packed and put away.
    }
    if (onceInOffice(chance, 60, now)) content.touch('projects', files * chance.between(0.01, 0.12));
  },
};

export const KINDS = {
  home,
  etc,
  logs,
  'dumps, packed': dumpPacked,
  'dumps, plain': dumpPlain,
  mail,
  development,
  system,
  media,
  tiny,
  spool,
  'virtual machines': machines,
  website,
  database,
  repository,
  'file server': fileServer,
} as const satisfies Record<string, Kind>;
export type KindName = keyof typeof KINDS;
