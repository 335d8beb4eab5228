-- One row per person of the frame: by what the person can be reached. Numbers and addresses stay in pii.
-- reads pii.registry_person: phone_e164 phone_alt address
-- columns:
--   alumni_id: the person
--   kind: mobile (an Indonesian mobile number), other (another number only) or none
--   reachable: whether there is a number or an address
drop table if exists marts.person_contact;
create table marts.person_contact as
with known as (
  select alumni_id, max(coalesce(phone_e164, '')) as mobile, max(coalesce(phone_alt, '')) as other,
    max(coalesce(address, '')) as address
  from pii.registry_person group by alumni_id
)
select alumni_id,
  case when mobile like '+628%' or other like '+628%' then 'mobile' when mobile || other <> '' then 'other' else 'none' end as kind,
  mobile || other || address <> '' as reachable
from known
order by alumni_id;
