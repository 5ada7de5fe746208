/** Figures as people read them at night. Pure. */

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `9,812`. */
export function count(figure: number): string {
  return String(Math.round(figure)).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** `512 bytes`, `3.4 MB`, `41 GB`: two digits or three, powers of 1000. */
export function bytes(figure: number): string {
  let value = figure;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit > 0 && value < 9.95 ? value.toFixed(1) : count(value);
  return figure === 1 ? '1 byte' : `${digits} ${UNITS[unit]}`;
}

/** `31 %`; less than one is `under 1 %`, and what is not quite all is never `100 %`. */
export function share(part: number): string {
  if (part > 0 && part < 0.01) return 'under 1 %';
  const percent = part < 1 ? Math.min(99, Math.round(part * 100)) : Math.round(part * 100);
  return `${count(percent)} %`;
}

/** `12 to 90`, or one figure where both read the same. */
export function range(from: number, to: number, words: (figure: number) => string): string {
  const [low, high] = [words(from), words(to)];
  if (low === high) return low;
  const unit = / \S+$/.exec(high)?.[0] ?? '';
  return unit !== '' && low.endsWith(unit) ? `${low.slice(0, -unit.length)} to ${high}` : `${low} to ${high}`;
}
