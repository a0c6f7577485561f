/** Identifiers of subjects by stated type. The type is never inferred from the identifier. */
import { SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { citizenIdFault, type CitizenIdFault } from './citizen-id.ts'
import { type UsccDoubt, usccDoubt, usccFault, type UsccFault } from './uscc.ts'

/** What is wrong with the identifier of a subject. Old forms are named as such. */
export type SubjectIdFault =
  | CitizenIdFault
  | UsccFault
  | 'citizen_id_legacy'
  | 'organization_code_legacy'
  | 'registration_number_legacy'

/** What makes an identifier doubtful without making it wrong. */
export type SubjectIdWarning = UsccDoubt | 'subject_type_class' | 'individual_business_class'

/** What is wrong with an identifier as that of a subject of this type, or undefined. */
export function subjectIdFault(type: SubjectType, id: string): SubjectIdFault | undefined {
  if (type === SubjectType.NATURAL_PERSON)
    return /^\d{15}$/.test(id) ? 'citizen_id_legacy' : citizenIdFault(id)
  if (/^\d{15}$/.test(id)) return 'registration_number_legacy'
  if (/^[0-9A-Z]{8}-?[0-9X]$/.test(id)) return 'organization_code_legacy'
  const fault = usccFault(id)
  if (fault !== undefined || usccDoubt(id) !== 'uscc_outer_check') return fault
  // A class of another type of subject is a second irregularity: the beginning is most likely a slip of the pen.
  const usual = usualSubjectType(id)
  return usual === undefined || usual === type ? undefined : 'uscc_check'
}

/** What is doubtful about an identifier that has no fault. */
export function subjectIdWarnings(
  type: SubjectType,
  id: string,
  individualBusiness: boolean,
): readonly SubjectIdWarning[] {
  if (type === SubjectType.NATURAL_PERSON) return []
  const warnings: SubjectIdWarning[] = []
  const doubt = usccDoubt(id)
  if (doubt) warnings.push(doubt)
  const usual = usualSubjectType(id)
  if (usual !== undefined && usual !== type) warnings.push('subject_type_class')
  if (individualBusiness !== id.startsWith('92')) warnings.push('individual_business_class')
  return warnings
}

/**
 * Type of subject that a registering department and class usually stand for; undefined where no custom is
 * known. Good for a warning only.
 */
export function usualSubjectType(uscc: string): SubjectType | undefined {
  const pair = uscc.slice(0, 2)
  if (['91', '92', '93'].includes(pair)) return SubjectType.ENTERPRISE
  if (pair === '12') return SubjectType.PUBLIC_INSTITUTION
  if (pair === '11') return SubjectType.GOVERNMENT_BODY
  if (/^(?:5.|71|72|81|13|3.|N.)$/.test(pair)) return SubjectType.SOCIAL_ORGANIZATION
  return undefined
}
