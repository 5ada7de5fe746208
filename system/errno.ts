/** The operating system's or Node's name of an error (`ENOENT`, `ECONNRESET`), or undefined for any other. */
export function errno(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^[A-Z][A-Z0-9_]*$/.test(error.code) ? error.code : undefined;
}
