//! The figures as Markdown, to be read and to be put into docs/performance.md.

use std::fmt::Write;
use std::time::Duration;

use crate::ahead::Ahead;
use crate::figures::{Compared, Figures, Growth, milliseconds};
use crate::house::{FEW_GROUPS, MANY_GROUPS, PEOPLE};
use crate::ldap::Way;
use crate::load::Sample;
use crate::nested::Nested;
use crate::slapd::{Hash, Operations};
use crate::work::Work;

/// Everything that was found out.
pub(crate) fn markdown(figures: &Figures) -> String {
    let mut text = circumstances(figures);
    text.push_str(&comparison(figures));
    text.push_str(&aims(figures));
    text.push_str(&growth(figures));
    text
}

fn circumstances(figures: &Figures) -> String {
    let Figures { machine, measured, records, ceiling, .. } = figures;
    let profile = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.file_name()?.to_str()?.to_owned()));
    let built = match profile {
        _ if cfg!(debug_assertions) => "without optimisation: these figures mean nothing".to_owned(),
        // Cargo calls the folder by the profile.
        profile => profile.unwrap_or_else(|| "with optimisation".to_owned()),
    };
    format!(
        "{}, {} cores for brokerd, the stand-in and the load together; {}; a write is on the disk after {:.2} ms. Built: {built}. \
         {:.1} s for each figure. {records} audit records were written and every link proved.\n\n\
         The load itself reaches {:.0} requests/s against `/healthz` and takes {:.0} µs of a core for each.\n",
        machine.processor,
        machine.cores,
        machine.system,
        milliseconds(machine.sync),
        measured.as_secs_f64(),
        ceiling.per_second(),
        ceiling.each_us(ceiling.cost.bench),
    )
}

fn comparison(figures: &Figures) -> String {
    let mut text = "\n| STS after | | p50 | p99 | p50 to direct | requests/s | at once | brokerd's CPU each |\n\
                    |---:|---|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for compared in &figures.compared {
        let Compared { work, latency, alone, crowd } = compared;
        let direct = figures.of(Work::Direct).find(|direct| direct.latency == *latency);
        let p50 = alone.percentile_us(50.0);
        let to_direct = |direct: &Compared| format!("{:.2}", p50 / direct.alone.percentile_us(50.0));
        let cpu =
            if *work == Work::Direct { NOT_MEASURED.to_owned() } else { micros(crowd.each_us(crowd.cost.brokerd)) };
        line(
            &mut text,
            &[
                format!("{} ms", latency.as_millis()),
                name(*work).to_owned(),
                micros(p50),
                micros(alone.percentile_us(99.0)),
                direct.map_or_else(|| NOT_MEASURED.to_owned(), to_direct),
                format!("{:.0}", crowd.per_second()),
                work.crowd(figures.concurrency).to_string(),
                cpu,
            ],
        );
    }
    text.push_str(
        "\np50 and p99 with one request after the other; requests/s with as many at once as the table says.\n",
    );
    text
}

fn aims(figures: &Figures) -> String {
    let mut text = "\n| aim | measured | |\n|---|---:|---|\n".to_owned();
    for (direct, uncached) in figures.of(Work::Direct).zip(figures.of(Work::VendUncached)) {
        let (direct_us, uncached_us) = (direct.alone.percentile_us(50.0), uncached.alone.percentile_us(50.0));
        let added = uncached_us - direct_us;
        let share = added / direct_us * 100.0;
        let aim = format!("an uncached vend adds 15 % or 1 ms at most, STS after {} ms", direct.latency.as_millis());
        met(&mut text, aim, format!("{} ({share:.0} %)", micros(added)), share <= 15.0 || added <= 1_000.0);
    }
    let reused = figures.of(Work::VendReused).map(|reused| reused.crowd.per_second()).reduce(f64::max);
    if let Some(reused) = reused {
        let aim = "more than 10,000 reused vends/s on two cores".to_owned();
        met(&mut text, aim, format!("{reused:.0}/s"), reused > 10_000.0);
    }
    let best = |work| figures.of(work).map(|it| it.crowd.per_second()).reduce(f64::max);
    if let (Some(reused), Some(by_sso)) = (reused, best(Work::SsoReused)) {
        let (aim, share) = ("credentials by SSO at the rate of a reused vend".to_owned(), by_sso / reused * 100.0);
        met(&mut text, aim, format!("{by_sso:.0}/s ({share:.0} %)"), share >= 100.0 - NOISE);
    }
    if let Some(proved) = best(Work::JobProved) {
        let aim = "5,000 tokens of jobs proved a second, or more".to_owned();
        met(&mut text, aim, format!("{proved:.0}/s"), proved >= 5_000.0);
    }
    let warm = figures.of(Work::ContainerWarm).map(|it| it.alone.percentile_us(99.0)).reduce(f64::max);
    if let Some(warm) = warm {
        let aim = "container credentials within 300 ms, from a warm daemon".to_owned();
        met(&mut text, aim, format!("p99 {}", micros(warm)), warm <= 300_000.0);
    }
    if let Some(Ahead { latency, first, again }) = &figures.ahead {
        let (first, again) = (milliseconds(*first), milliseconds(*again));
        let aim = format!("the same when they are about to end, fetched ahead, STS after {} ms", latency.as_millis());
        met(&mut text, aim, format!("{again:.1} ms at most (the first time {first:.1} ms)"), again <= 300.0);
    }
    if let Some(process) = &figures.command {
        let (p50, mib) = (milliseconds(process.percentile(50)), process.peak_mib);
        let aim = "`broker process` from its cache in less than 10 ms and 15 MiB".to_owned();
        let p99 = milliseconds(process.percentile(99));
        let measured = format!("{p50:.1} ms (p99 {p99:.1} ms), {mib:.1} MiB");
        met(&mut text, aim, measured, p50 < 10.0 && mib < 15.0);
    }
    if let Some(ldap) = &figures.ldap {
        let beside = ldap.operations.beside_the_bind();
        let aim = "sign-in by LDAP, connections kept: three operations beside the bind at most".to_owned();
        met(&mut text, aim, operations(ldap.operations), beside <= 3 && ldap.operations.binds == 1);
        for times in &ldap.times {
            for (way, what) in
                [(Way::Directory, "the directory's part of it"), (Way::Whole, "the whole of it, by HTTP")]
            {
                let (p50, ratio) = (us(times.percentile(way, 50)), times.to_by_hand(way));
                let aim = format!("{what}, 1.5 times a search and a bind by hand at most, {}", kept_as(times.hash));
                met(&mut text, aim, format!("{} ({ratio:.2} times)", micros(p50)), ratio <= 1.5);
            }
        }
    }
    for Nested { way, searches } in &figures.nested {
        let aim =
            format!("300 groups in groups of Active Directory, by `{way}`: two searches beside the person's at most");
        met(&mut text, aim, searches.to_string(), *searches <= 2);
    }
    let idle = figures.memory.idle;
    met(&mut text, "less than 40 MiB resident, idle".to_owned(), format!("{idle:.1} MiB"), idle < 40.0);
    let first = milliseconds(figures.first_request());
    met(&mut text, "first credentials within 150 ms of the start".to_owned(), format!("{first:.0} ms"), first < 150.0);
    if let (Some(least), Some(most)) = (figures.growth.first(), figures.growth.last()) {
        let p50 = |growth: &Growth| growth.many.percentile_us(50.0);
        let grown = (p50(most) / p50(least) - 1.0) * 100.0;
        let aim = format!("no growth from {} to {} connectors", least.connectors, most.connectors);
        met(&mut text, aim, format!("{grown:+.1} %"), grown < NOISE);
    }
    text.push('\n');
    if let (Some(first), Some(last)) = (figures.first_requests.first(), figures.first_requests.last()) {
        let _ = write!(text, "Starts took {:.0} to {:.0} ms. ", milliseconds(*first), milliseconds(*last));
    }
    let (loaded, peak) = (figures.memory.loaded, figures.memory.peak);
    let _ = writeln!(text, "Resident under load: {loaded:.1} MiB at its end, {peak:.1} MiB at most.");
    text.push_str(&by_ldap(figures));
    text
}

fn by_ldap(figures: &Figures) -> String {
    let Some(ldap) = &figures.ldap else {
        return "\nSign-in by LDAP was not measured: slapd is not installed, or something else was measured alone.\n"
            .to_owned();
    };
    let mut text =
        "\n| sign-in by LDAP, one after the other | | p50 | p99 | p50 to by hand |\n|---|---|---:|---:|---:|\n"
            .to_owned();
    for times in &ldap.times {
        for way in Way::ALL {
            let what = match way {
                Way::ByHand => "a search and a bind by hand",
                Way::Directory => "the directory's part",
                Way::Whole => "the whole, by HTTP with counters, session and record",
            };
            let [p50, p99] = [50, 99].map(|percent| micros(us(times.percentile(way, percent))));
            let to_by_hand = format!("{:.2}", times.to_by_hand(way));
            line(&mut text, &[kept_as(times.hash).to_owned(), what.to_owned(), p50, p99, to_by_hand]);
        }
    }
    let by_hand = operations(ldap.operations_by_hand);
    let _ = writeln!(
        text,
        "\nOperations, by the server's log: {} for a sign-in, {by_hand} by hand.",
        operations(ldap.operations)
    );
    if figures.nested.is_empty() {
        text.push_str(
            "\nGroups in groups were not counted: Samba's domain controller is not installed, this is not root, or this was a quick run.\n",
        );
    }
    text
}

fn operations(counted: Operations) -> String {
    let Operations { searches, binds, unbinds, others } = counted;
    let beside = counted.beside_the_bind();
    format!("{beside} beside {binds} bind ({searches} search, {unbinds} unbind, {others} others)")
}

fn kept_as(hash: Hash) -> &'static str {
    match hash {
        Hash::Ssha => "passwords kept as SSHA",
        Hash::Crypt => "passwords kept as SHA-512 of 5,000 rounds",
    }
}

fn us(duration: Duration) -> f64 {
    milliseconds(duration) * 1e3
}

fn growth(figures: &Figures) -> String {
    let mut text = format!(
        "\n| connectors | vend reused, {MANY_GROUPS} groups: p50 | p99 | {FEW_GROUPS} groups: p50 | p99 | list, {FEW_GROUPS} groups: p50 \
         | first start | first credentials after a later start | resident, idle |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for growth in &figures.growth {
        let Growth { connectors, first_start, first_request, idle_mib, many, few, list } = growth;
        let [p50, p99] = [50.0, 99.0].map(|percentile| move |sample: &Sample| micros(sample.percentile_us(percentile)));
        line(
            &mut text,
            &[
                connectors.to_string(),
                p50(many),
                p99(many),
                p50(few),
                p99(few),
                p50(list),
                seconds(*first_start),
                seconds(*first_request),
                format!("{idle_mib:.1} MiB"),
            ],
        );
    }
    let _ = writeln!(
        text,
        "\nOne request after the other. {PEOPLE} people in {FEW_GROUPS} groups are signed in, and one in {MANY_GROUPS}."
    );
    text
}

fn name(work: Work) -> &'static str {
    match work {
        Work::Direct => "direct call",
        Work::VendUncached => "vend, uncached",
        Work::VendReused => "vend, reused",
        Work::SsoReused => "SSO portal, reused",
        Work::ContainerWarm => "container credentials, warm",
        Work::JobProved => "job's token proved",
        Work::SignIn => "sign-in (argon2)",
    }
}

fn met(text: &mut String, aim: String, measured: String, is_met: bool) {
    line(text, &[aim, measured, if is_met { "met".to_owned() } else { "**not met**".to_owned() }]);
}

fn line(text: &mut String, cells: &[String]) {
    text.push_str("| ");
    text.push_str(&cells.join(" | "));
    text.push_str(" |\n");
}

fn micros(micros: f64) -> String {
    if micros >= 10_000.0 { format!("{:.1} ms", micros / 1e3) } else { format!("{micros:.0} µs") }
}

fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{:.0} ms", milliseconds(duration))
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

const NOT_MEASURED: &str = "–";
/// Two runs on the same machine differ by that much, in percent.
const NOISE: f64 = 5.0;
