// Why a file is not up, in the reader's language, and whether it may be tried again.
//
// Called by the strip over the field to write.
import { words } from '../i18n'
import { formatSize } from '../i18n/times'
import type { FileProblem } from './attachments'

export function sentenceOf(problem: FileProblem | undefined, name: string): string {
  if (problem === 'lost') return words.fileLost(name)
  if (problem === 'unreadable' || problem === undefined) return words.fileUnreadable
  const { status, bytesMax } = problem
  switch (status) {
    case 413:
      return bytesMax === undefined ? words.fileTooLarge : words.fileLargerThan(formatSize(bytesMax))
    case 415:
      return words.fileOfWrongType
    case 507:
      return words.noRoomForFiles
    case 401:
    case 403:
      return words.fileNotAllowed
    default:
      return words.refusedOther
  }
}

/** Says whether the same file may be taken another time. One that is lost is chosen again. */
export function mayTryAgain(problem: FileProblem | undefined): boolean {
  return problem !== 'lost' && (typeof problem !== 'object' || ![400, 413, 415].includes(problem.status))
}
