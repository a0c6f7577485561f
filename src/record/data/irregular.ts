/** Divisions outside Zhejiang that have no city, no county, or no tier of their own. State of 2026-04. */
import type { Division } from '../division.ts'

function of(level: Division['level'], codes: string): readonly Division[] {
  return codes
    .split(' ')
    .map((one) => ({ code: one.slice(0, 6), nameZh: one.slice(6), level, city: undefined }))
}

export const irregular: readonly Division[] = [
  ...of('nation', '000000全国'),
  // Municipalities: no city tier.
  ...of('province', '110000北京市 120000天津市 310000上海市 500000重庆市'),
  ...of('city', '110100市辖区 500200县').map((division) => ({ ...division, placeholder: true })),
  // County-level units directly under a province: no city tier.
  ...of('county', '419001济源市 429004仙桃市 429005潜江市 429006天门市 429021神农架林区'),
  // Cities without counties.
  ...of('city', '441900东莞市 442000中山市 460400儋州市 620200嘉峪关市'),
  // Cities of the Xinjiang Production and Construction Corps (新疆生产建设兵团).
  ...of('county', '659001石河子市 659012白杨市 659013草湖市'),
  // New since mid-2023.
  ...of('county', '653132岑岭县 653228和康县 653229和安县'),
]
