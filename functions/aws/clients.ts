/** How the SDK's clients are made: patient with a service that throttles, never waiting for one that does not answer. */

/** Milliseconds. */
const CONNECT = 5_000;
const ANSWER = 30_000;

/** Retries adapt to throttling; eight tries take about a minute. `region` is the environment's where it is not given. */
export function clientOptions({ region }: { region?: string } = {}) {
  return {
    retryMode: 'adaptive',
    maxAttempts: 8,
    requestHandler: { connectionTimeout: CONNECT, requestTimeout: ANSWER, throwOnRequestTimeout: true },
    ...(region === undefined ? {} : { region }),
  };
}
