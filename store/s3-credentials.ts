import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { type Clock, systemClock } from '../system/clock.ts';

type Credentials = Awaited<ReturnType<ReturnType<typeof fromNodeProviderChain>>>;

/** Credentials without an expiry are read anew after this; the SSM agent rotates its file half an hour before the old ones end. */
const HELD_FOR = 5 * 60_000;
/** Those with one are renewed this long before it, as the SDK does. */
const RENEWED_BEFORE = 5 * 60_000;
/** Always less than the SDK's own margin of five minutes, so that it asks here before every request. */
const SHOWN_FOR = 60_000;

/**
 * The SDK's default chain (environment, profile, files, container, instance), read anew in time. Without this the SDK
 * keeps what it read from a credentials file for the life of the process, because such a file names no expiry, and a
 * run longer than the token's life on a host with a hybrid activation would end in ExpiredToken.
 */
export class FreshCredentials {
  readonly #load: () => Promise<Credentials>;
  readonly #clock: Clock;
  #held: { credentials: Credentials; until: number } | undefined;
  #loading: Promise<Credentials> | undefined;

  constructor(load = () => fromNodeProviderChain({ ignoreCache: true })(), clock: Clock = systemClock) {
    this.#load = load;
    this.#clock = clock;
  }

  /** What the SDK asks. Where they cannot be read anew, those at hand go on being used: S3 knows if they are too old. */
  readonly provide = async (): Promise<Credentials> => {
    const now = this.#clock.now().getTime();
    const held = this.#held;
    const fresh = held !== undefined && now < held.until;
    const credentials = fresh
      ? held.credentials
      : await this.#renewed().catch((error) => held?.credentials ?? Promise.reject(error));
    return { ...credentials, expiration: new Date(now + SHOWN_FOR) };
  };

  /** Reads them anew because the store refused the present ones; true if others came. */
  async renew(): Promise<boolean> {
    const before = this.#held?.credentials;
    const after = await this.#renewed();
    return before?.accessKeyId !== after.accessKeyId || before.sessionToken !== after.sessionToken;
  }

  #renewed(): Promise<Credentials> {
    this.#loading ??= this.#load()
      .then((credentials) => {
        const expiry = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
        const until = Math.min(this.#clock.now().getTime() + HELD_FOR, expiry - RENEWED_BEFORE);
        this.#held = { credentials, until };
        return credentials;
      })
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }
}
