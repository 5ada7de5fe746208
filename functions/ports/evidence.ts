/** Evidence about runs, as the functions need it. The real one verifies signatures: repository/evidence.ts. */

import type { Evidence } from '../../repository/evidence.ts';

export type EvidenceSource = Pick<Evidence, 'manifest' | 'objects' | 'sources' | 'acceptance'>;
