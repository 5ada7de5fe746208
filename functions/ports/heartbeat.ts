/** A sign of life to somebody outside: whoever gets it says so when it stays away. */

export interface Heartbeat {
  /** Asks the URL once and forgets the answer. Throws with the reason where nobody took the sign of life. */
  beat(url: string): Promise<void>;
}
