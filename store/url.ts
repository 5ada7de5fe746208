import { fileURLToPath } from 'node:url';
import { OffsiteError } from '../contract/errors.ts';
import { isKey } from './keys-safety.ts';

/** What a store URL says. */
export type StoreLocation =
  | { readonly kind: 'directory'; readonly url: string; readonly folder: string }
  | ({ readonly kind: 's3'; readonly url: string } & S3Location);

export interface S3Location {
  readonly bucket: string;
  /** Put before every key: empty, or with a slash at its end. */
  readonly prefix: string;
  readonly region?: string;
  /** Another server that speaks S3; it is asked path-style. */
  readonly endpoint?: string;
}

/** "Bucket naming rules" of S3, without those for names that AWS reserves. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGION = /^[a-z0-9-]{1,40}$/;

/**
 * Parses `file:///dir` and `s3://bucket[/prefix][?region=R&endpoint=URL]`; `store-url` for anything else. A URL with a
 * user or password in it is refused, and no message repeats it.
 */
export function parseStoreUrl(text: string): StoreLocation {
  if (text.startsWith('file:')) return directoryLocation(text);
  if (text.startsWith('s3:')) return s3Location(text);
  if (text.startsWith('/')) refuse(text, `for a directory write file://${text}`);
  refuse(text, 'it begins neither with file:/// nor with s3://');
}

function directoryLocation(text: string): StoreLocation {
  if (!text.startsWith('file:///')) refuse(text, 'a directory is file:// and its absolute path: three slashes');
  const url = parse(text);
  if (url.search !== '' || url.hash !== '') refuse(text, "a directory has no options; write '?' as %3F and '#' as %23");
  let folder: string;
  try {
    folder = fileURLToPath(url);
  } catch {
    refuse(text, 'it is no path');
  }
  if (folder.includes('\0')) refuse(text, 'it is no path');
  folder = folder.replace(/\/+$/, '');
  if (folder === '') refuse(text, 'the root of the file system cannot be a store');
  return { kind: 'directory', url: url.href.replace(/\/+$/, ''), folder };
}

function s3Location(text: string): StoreLocation {
  if (!text.startsWith('s3://')) refuse(text, 'a bucket is s3:// and its name');
  const url = parse(text);
  if (url.username !== '' || url.password !== '') refuse(text, 'credentials do not belong into a store URL');
  if (!BUCKET.test(url.host)) refuse(text, `${JSON.stringify(url.host)} is not the name of a bucket`);
  if (url.hash !== '') refuse(text, "it has a '#'");
  const location: S3Location = { bucket: url.host, prefix: prefixOf(text, url), ...s3Options(text, url) };
  return { kind: 's3', url: url.href, ...location };
}

function prefixOf(text: string, url: URL): string {
  let prefix: string;
  try {
    prefix = decodeURIComponent(url.pathname).replace(/^\//, '').replace(/\/$/, '');
  } catch {
    refuse(text, 'its prefix is not valid UTF-8');
  }
  if (prefix === '') return '';
  if (!isKey(prefix)) refuse(text, 'no object key can begin with its prefix');
  return `${prefix}/`;
}

function s3Options(text: string, url: URL): Pick<S3Location, 'region' | 'endpoint'> {
  const found: { region?: string; endpoint?: string } = {};
  for (const [name, value] of url.searchParams) {
    if (name !== 'region' && name !== 'endpoint') refuse(text, `it has an option ${JSON.stringify(name)}`);
    if (name in found) refuse(text, `it has two options ${JSON.stringify(name)}`);
    found[name] = value;
  }
  if (found.region !== undefined && !REGION.test(found.region)) refuse(text, 'its region is not the name of a region');
  if (found.endpoint !== undefined) assertEndpoint(text, found.endpoint);
  return found;
}

function assertEndpoint(text: string, endpoint: string): void {
  const url = URL.parse(endpoint);
  if (url === null || !/^https?:$/.test(url.protocol)) refuse(text, 'its endpoint is no http or https URL');
  if (url.username !== '' || url.password !== '') refuse(text, 'credentials do not belong into an endpoint URL');
  if (url.search !== '' || url.hash !== '') refuse(text, 'its endpoint has a query');
}

function parse(text: string): URL {
  return URL.parse(text) ?? refuse(text, 'it is not a URL');
}

function refuse(text: string, fault: string): never {
  const shown = /@|%40/i.test(text) ? '' : ` ${text}`;
  throw new OffsiteError('store-url', `The store URL${shown} is not understood: ${fault}.`);
}
