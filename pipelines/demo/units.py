"""Who handles what: local units by role, and the town governments."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.demo.catalogue import Catalogue
from pipelines.demo.geography import CITY_NAME, City

CITY_UNITS = {
    "供水公司": "供水集团",
    "供电公司": "供电公司",
    "燃气公司": "燃气集团",
    "供热公司": "热力集团",
    "通信运营商": "通信发展管理办公室",
    "广电公司": "广播电视网络公司",
    "纪检监察机关": "纪委监委信访室",
}
COUNTY_UNITS = {
    "住建局": "住房和城乡建设局",
    "住建局/公积金中心": "住房和城乡建设局",
    "自然资源局": "自然资源和规划局",
    "城管局": "综合行政执法局",
    "人社局": "人力资源和社会保障局",
    "国资局": "国有资产服务中心",
    "农业农村局": "农业农村局",
    "水利局": "水利局",
    "生态环境局": "生态环境分局",
    "公安局": "公安分局",
    "公安交警": "交警大队",
    "交通局": "交通运输局",
    "市场监管局": "市场监督管理局",
    "商务局": "商务局",
    "教育局": "教育局",
    "卫健局": "卫生健康局",
    "医保局": "医疗保障局",
    "民政局": "民政局",
    "残联": "残疾人联合会",
    "退役军人局": "退役军人事务局",
    "应急局": "应急管理局",
    "消防大队": "消防救援大队",
    "金融监管": "金融工作服务中心",
    "政法委": "政法委",
    "司法局": "司法局",
    "发改局": "发展和改革局",
    "文旅局": "文化和旅游局",
    "政务服务局": "政务服务管理局",
    "督查部门": "政府督查室",
    "组织部": "委组织部",
}


@dataclass(frozen=True)
class Units:
    table: pl.DataFrame  # unit.csv
    names: list[str]
    of: npt.NDArray[np.int64]  # issue × town → unit
    pace: npt.NDArray[np.float64]  # by unit: handling time relative to the usual


def draw(city: City, known: Catalogue, seed: int) -> Units:
    """The units of the city and who is in charge of each issue in each town."""
    rng = np.random.default_rng([seed, 6])
    table: list[tuple[str, str, str, str]] = []
    number: dict[tuple[str, int], int] = {}
    for k, (role, name) in enumerate(CITY_UNITS.items(), start=1):
        number[role, -1] = len(table)
        table.append((f"990100{k:03d}", CITY_NAME + name, role, ""))
    for c, (county, code) in enumerate(zip(city.county_names, city.county_codes, strict=True)):
        for k, (role, name) in enumerate(COUNTY_UNITS.items(), start=1):
            if role == "住建局/公积金中心":
                continue
            number[role, c] = len(table)
            local = name if county.endswith("区") or not name.endswith("公安分局") else "公安局"
            table.append((f"{code}{k:03d}", county + local, role, code))
    towns = []
    for t, (town, code) in enumerate(zip(city.town_names, city.town_codes, strict=True)):
        towns.append(len(table))
        office = town + ("办事处" if town.endswith("街道") else "人民政府")
        county_code = city.county_codes[city.town_county[t]]
        table.append((f"{code}001", office, "属地乡镇街道", county_code))
    of = np.zeros((len(known.codes), len(towns)), dtype=np.int64)
    for issue, role in enumerate(known.roles):
        for t, c in enumerate(city.town_county.tolist()):
            in_charge = number.get((role, -1), number.get((role, c)))
            of[issue, t] = towns[t] if in_charge is None else in_charge
    return Units(
        table=pl.DataFrame(table, schema=["unit_code", "unit_name", "role_name", "county_code"], orient="row"),
        names=[row[1] for row in table],
        of=of,
        pace=rng.lognormal(0, 0.28, len(table)),
    )
