/** Zhejiang: 11 cities and 90 county-level units as of 2026-04, and withdrawn codes that are still met. */
import type { Division } from '../division.ts'

/** A city and its county-level units. A bare two-character name is that of a district (区). */
const cities: readonly string[] = [
  '330100杭州市 330102上城 330105拱墅 330106西湖 330108滨江 330109萧山 330110余杭 330111富阳 330112临安 330113临平 330114钱塘 330122桐庐县 330127淳安县 330182建德市',
  '330200宁波市 330203海曙 330205江北 330206北仑 330211镇海 330212鄞州 330213奉化 330225象山县 330226宁海县 330281余姚市 330282慈溪市',
  '330300温州市 330302鹿城 330303龙湾 330304瓯海 330305洞头 330324永嘉县 330326平阳县 330327苍南县 330328文成县 330329泰顺县 330381瑞安市 330382乐清市 330383龙港市',
  '330400嘉兴市 330402南湖 330411秀洲 330421嘉善县 330424海盐县 330481海宁市 330482平湖市 330483桐乡市',
  '330500湖州市 330502吴兴 330503南浔 330521德清县 330522长兴县 330523安吉县',
  '330600绍兴市 330602越城 330603柯桥 330604上虞 330624新昌县 330681诸暨市 330683嵊州市',
  '330700金华市 330702婺城 330703金东 330723武义县 330726浦江县 330727磐安县 330781兰溪市 330782义乌市 330783东阳市 330784永康市',
  '330800衢州市 330802柯城 330803衢江 330822常山县 330824开化县 330825龙游县 330881江山市',
  '330900舟山市 330902定海 330903普陀 330921岱山县 330922嵊泗县',
  '331000台州市 331002椒江 331003黄岩 331004路桥 331022三门县 331023天台县 331024仙居县 331081温岭市 331082临海市 331083玉环市',
  '331100丽水市 331102莲都 331121青田县 331122缙云县 331123遂昌县 331124松阳县 331125云和县 331126庆元县 331127景宁畲族自治县 331181龙泉市',
]

/** Codes in use that once stood for another territory: 拱墅 took in 下城; 余杭 gave up 临平 (2021); 苍南 gave up 龙港 (2019). */
const territoryChanged = new Set(['330102', '330105', '330110', '330212', '330327'])

const withdrawn: readonly Division[] = [
  {
    code: '330103',
    nameZh: '下城区',
    level: 'county',
    city: '330100',
    withdrawn: true,
    successors: ['330105'],
  },
  {
    code: '330104',
    nameZh: '江干区',
    level: 'county',
    city: '330100',
    withdrawn: true,
    successors: ['330102', '330114'],
  },
  {
    code: '330204',
    nameZh: '江东区',
    level: 'county',
    city: '330200',
    withdrawn: true,
    successors: ['330212'],
  },
  {
    code: '331021',
    nameZh: '玉环县',
    level: 'county',
    city: '331000',
    withdrawn: true,
    successors: ['331083'],
  },
]

function county(one: string, city: string): Division {
  const code = one.slice(0, 6)
  const name = one.slice(6)
  const nameZh = name.length === 2 ? `${name}区` : name
  const division: Division = { code, nameZh, level: 'county', city }
  return territoryChanged.has(code) ? { ...division, territoryChanged: true } : division
}

function cityAndCounties(line: string): readonly Division[] {
  const [first, ...rest] = line.split(' ') as [string, ...string[]]
  const code = first.slice(0, 6)
  return [
    { code, nameZh: first.slice(6), level: 'city', city: undefined },
    ...rest.map((one) => county(one, code)),
  ]
}

export const zhejiang: readonly Division[] = [
  { code: '330000', nameZh: '浙江省', level: 'province', city: undefined },
  ...cities.flatMap(cityAndCounties),
  ...withdrawn,
]
