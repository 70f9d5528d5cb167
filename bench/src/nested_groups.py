"""Fills a fresh domain of Samba's, while nobody serves it, with a person in groups in groups. Usage: nested_groups.py SMB_CONF GROUPS PASSWORD"""

import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(url=lp.private_path("sam.ldb"), session_info=system_session(), lp=lp)
root = str(db.domain_dn())
people, groups = (f"OU={unit},{root}" for unit in ("People", "Groups"))

# An account as any other, whose password does not grow old.
NORMAL, PASSWORD_STAYS = 0x200, 0x10000

db.transaction_start()
for unit in (people, groups):
    db.add({"dn": unit, "objectClass": "organizationalUnit"})
for name in ("brokerd", "ada"):
    dn = f"CN={name},{people}"
    db.add({"dn": dn, "objectClass": "user", "sAMAccountName": name})
    db.setpassword(f"(sAMAccountName={name})", sys.argv[3], False)
    db.modify_ldif(f"dn: {dn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: {NORMAL | PASSWORD_STAYS}\n")
# Six hold the person, and each of those after them one of those before: four deep.
below = [f"CN=ada,{people}"]
for number in range(int(sys.argv[2])):
    dn = f"CN=nested-{number:03},{groups}"
    db.add({"dn": dn, "objectClass": "group", "sAMAccountName": f"nested-{number:03}", "member": below[number // 6]})
    below.append(dn)
db.transaction_commit()
