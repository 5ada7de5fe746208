/**
 * Every way in which a miss could stay silent, and the cases that prove that it does not: tests of these names are in
 * the other files of this folder, each seen failing with what it guards against left out. A case that is dropped, renamed
 * or added without a line here fails every-item.test.ts.
 */

/** The cases by the way; a test is called `WAY: CASE`. */
export const SILENT_MISSES: Readonly<Record<string, readonly string[]>> = {
  'audit down for days': [
    'each missed night of them is found when it comes back, and told',
    'a miss of its absence that is good again by now is told all the same',
    'with its place lost too, it looks back as far as a fleet file and a deadline reach',
  ],
  'host removed, mistyped or renamed, slot open or not': [
    'removed while its slot is open, asked or not',
    'what was asked is waited for, though its fleet files are lost',
    'renamed while its slot is open, it is missed by its old name',
    'its node changed while the slot is open, the old node is waited for',
    'removed or renamed between slots, people are mailed who is watched no more',
    'each digest of the next 90 days names who stored something and is watched no more',
    'a policy with a mistyped host or set is not applied',
    'a mistyped node is told when it is asked, and open past the deadline',
  ],
  'policy renamed or cron changed while open, and no false miss before `since`': [
    'the open slot of the old name or time stays',
    'what is new is not missed before it was there',
    'neither by whoever asks the store from home',
    'a file that is applied again takes back nothing that was due',
    'whoever asks the store from home still hears of a slot of the file before',
    'whoever asks from home hears of it although the file before is lost',
    'whoever asks from home hears of it although the set has slots of other policies',
  ],
  'fleet.json absent, empty, invalid': [
    'absent, it is told, and the last good one rules until it is there again',
    'empty, it is told, and the last good one rules until it is mended',
    'invalid, it is told, and the last good one rules until it is mended',
    'one that names a version which is changed or gone',
    'one that watches nothing is told, and the last one that watches something rules',
    'where there never was one, that is told',
    'reconcile leaves the rules that there are',
  ],
  'a stale open alert of an older problem': [
    'one that was never closed hides no new miss',
    'nor does one whose end was recorded and told',
    'what is told with one that is lost is told by itself',
  ],
  "a recovery by someone else's success": [
    'another host’s, another set’s or an older run’s ends nothing',
    'a failed, doubted or forged run ends nothing',
    'a run under the prefix of another host ends nothing of this one’s',
    'what was told with another set’s silence is told by itself when only that one is good again',
    'what nobody was asked for is told by itself when the others of its policy are asked again',
  ],
  'publish lost between record and mark': [
    'what could not be published is published by a later audit',
    'complete’s and dispatch’s too, though they are never run again',
    'who dies after publishing is heard twice, and no third time',
    'a problem that took its place meanwhile is not marked with it',
  ],
  'no confirmed subscriber, SMS limit': [
    'nothing counts as told while nobody hears it, and all of it is told when somebody does',
    'SNS is given nothing that it would drop: nobody, nobody yet, nobody any more, phones alone',
    'whoever left since is noticed',
    'what goes by SMS fits one, and goes by mail too',
    'nothing in an SMS makes two of it, whatever a host calls its scripts',
    'a storm does not use up the month’s',
  ],
  'alarm dropped by a subscription filter': [
    'what CloudWatch says goes to a topic none of whose subscriptions has one',
    'mail about alerts has none, and what the filter of phones asks for is published',
  ],
  'audit throttled or its rule disabled (Invocations < 1 alarm)': [
    'silence of audit is an alarm, and no data is silence',
    'audit runs every 15 minutes, and its failures are an alarm',
  ],
  'page 2 of a listing': ['what lies there of hosts, slots and alerts is seen'],
  'a throw in the middle': [
    'one bad record hides no other host, and is judged when it can be',
    'wherever an audit dies, the next ones find and tell what it did not',
    'complete dies between verdict and problem, and audit tells',
    'what went wrong fails the function, so that its alarm is raised',
  ],
  'complete on a backup nobody can read (recipients)': [
    'one that the operator’s key does not open is told, and is no good one',
    'so is one that only some of the fleet file’s keys open',
  ],
  'unmounted source': [
    'an empty mount point beside a full one is told',
    'a mount point that holds something else is told by how much it shrank',
    'a path that is not there at all, or whose required file is empty, is told',
    'a path that was a mount point at the last run, and is a folder of the disk below now, is told',
  ],
  'skipped for weeks': ['a set that is always busy is missed every night, and people go on hearing of it'],
  "manual run taken for the slot's": [
    'neither an unasked run nor one asked for by hand in its very minute is',
    'nor is the run of another set, host or policy of the same minute',
  ],
  'path dropped from config (config hash: digest notice)': ['the verdict has it, and the digest says it'],
  'role re-created (roles are retained, fixed name; prefixes found by node)': [
    'a host of a new prefix is judged as the same host',
    'a run there that nobody announced is found, and silence is missed',
    'the hosts’ role stays, and all that hangs on it',
  ],
  'bucket replaced (retained, replacement refused)': [
    'it stays with its policy, and no parameter changes what would replace it',
  ],
  'DLQ alarm already red': [
    'it is an alarm when the first event waits, whatever becomes of it then',
    'audit may look at the queue itself, day after day',
    'what waits in the queue is mailed day after day, and its end',
    'one that is never emptied is heard of in every week',
  ],
  'due minute computed at the exact instant': [
    'an audit at the very deadline judges the slot, and one after it does',
    'an event of that instant, or of any in its minute, asks for that slot',
    'a fleet file applied at that instant lets no slot fall between two',
  ],
};
