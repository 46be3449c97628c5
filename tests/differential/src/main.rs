//! The same trace into two builds of lwIP, one with its C TCP and one with the Rust core, and their outputs compared.

mod compare;
mod deviations;
mod generate;
mod moves;
mod peer;
mod rng;
mod shrink;
mod view;

use compare::{Difference, Verdict, compare};
use shrink::Pair;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
usage: differential COMMAND --reference PROGRAM --subject PROGRAM [OPTIONS] [FILE…]

  random            generate traces and compare (also: DIFFERENTIAL_SEED, DIFFERENTIAL_CASES)
      --cases N     how many traces                          (default 200)
      --seed S      the first trace's seed, the others follow (default: from the clock, printed)
      --steps N     how long a trace gets                    (default 70)
      --all         go on after a difference, report each kind once
      --out DIR     write each minimal trace there
      --ignore A,B  fields not to compare, to look behind a known fault
      --survive     the subject has to survive what the reference fails at
      --failures D  write a minimal trace of each kind of failure of the reference there
      --save DIR    write every trace generated there
  corpus FILE…      replay traces; folders stand for the *.trace files in them
  expect-difference as random, but succeeds only if a difference is found: for a subject known to be wrong
  show FILE         print both outputs of a trace side by side, step by step
  deviations        list the differences that are meant
";

struct Options {
    command: String,
    reference: PathBuf,
    subject: PathBuf,
    cases: u64,
    seed: u64,
    steps: usize,
    all: bool,
    survive: bool,
    ignore: Vec<String>,
    failures: Option<PathBuf>,
    out: Option<PathBuf>,
    save: Option<PathBuf>,
    files: Vec<PathBuf>,
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|v| !v.is_empty()).and_then(|v| v.parse().ok())
}

fn parse() -> Result<Options, String> {
    let mut args = std::env::args().skip(1);
    let command = args.next().ok_or(HELP)?;
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_secs());
    let mut options = Options {
        command,
        reference: PathBuf::new(),
        subject: PathBuf::new(),
        cases: from_environment("DIFFERENTIAL_CASES").or(from_environment("DIFFERENTIAL_DEFAULT_CASES")).unwrap_or(200),
        seed: from_environment("DIFFERENTIAL_SEED").or(from_environment("DIFFERENTIAL_DEFAULT_SEED")).unwrap_or(clock),
        steps: 70,
        all: false,
        survive: false,
        ignore: Vec::new(),
        failures: None,
        out: None,
        save: None,
        files: Vec::new(),
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value\n{HELP}"));
        match arg.as_str() {
            "--reference" => options.reference = value()?.into(),
            "--subject" => options.subject = value()?.into(),
            "--cases" => options.cases = value()?.parse().map_err(|e| format!("--cases: {e}"))?,
            "--seed" => options.seed = value()?.parse().map_err(|e| format!("--seed: {e}"))?,
            "--steps" => options.steps = value()?.parse().map_err(|e| format!("--steps: {e}"))?,
            "--out" => options.out = Some(value()?.into()),
            "--save" => options.save = Some(value()?.into()),
            "--ignore" => options.ignore = value()?.split(',').map(String::from).collect(),
            "--failures" => options.failures = Some(value()?.into()),
            "--survive" => options.survive = true,
            "--all" => options.all = true,
            "--help" | "-h" => return Err(HELP.to_string()),
            _ if arg.starts_with('-') => return Err(format!("unknown option {arg}\n{HELP}")),
            _ => options.files.push(arg.into()),
        }
    }
    Ok(options)
}

/// What a run found.
#[derive(Default)]
struct Tally {
    same: u64,
    allowed: BTreeMap<&'static str, u64>,
    failed: BTreeMap<String, u64>,
    different: BTreeMap<String, u64>,
    compared_steps: usize,
}

impl Tally {
    fn print(&self, seed: u64, cases: u64) {
        println!("seed {seed}, {cases} traces, {} steps: {} the same to the end", self.compared_steps, self.same);
        for (id, count) in &self.allowed {
            println!("  {count} ended at a deviation that is meant: {id}");
        }
        for (what, count) in &self.failed {
            println!("  {count} ended because the reference failed: {what}");
        }
        for (signature, count) in &self.different {
            println!("  {count} DIFFERENT: {signature}");
        }
    }
}

fn read_trace(file: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
    Ok(text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(String::from).collect())
}

fn write_trace(folder: &Path, name: &str, comment: &str, trace: &[String]) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let comment: String = comment.lines().map(|l| format!("# {l}\n")).collect();
    let file = folder.join(format!("{name}.trace"));
    std::fs::write(&file, format!("{comment}{}\n", trace.join("\n")))
        .map_err(|why| format!("{}: {why}", file.display()))
}

fn report(options: &Options, pair: Pair, trace: &[String], found: &Difference, seed: u64) -> Result<(), String> {
    let minimal = shrink::shrink(trace, found.step, &|t: &[String]| pair.shows(t, &found.signature));
    let text = match pair.verdict(&minimal)? {
        Verdict::Different(d) => d.report,
        _ => found.report.clone(),
    };
    println!("--- seed {seed}: {}\n{}\n{text}", found.signature, minimal.join("\n"));
    if let Some(folder) = &options.out {
        write_trace(folder, &format!("seed-{seed}"), &format!("{}\n{text}", found.signature), &minimal)?;
    }
    Ok(())
}

fn random(options: &Options) -> Result<Tally, String> {
    let pair = Pair { reference: &options.reference, subject: &options.subject, ignore: &options.ignore };
    let mut tally = Tally::default();
    println!("seed {} (DIFFERENTIAL_SEED={} repeats this run)", options.seed, options.seed);
    for seed in options.seed..options.seed.saturating_add(options.cases) {
        let (trace, reference) = {
            let mut peer = peer::Peer::start(pair.reference)?;
            generate::Generator::trace(seed, options.steps, &mut peer)
        };
        if let Some(folder) = &options.save {
            write_trace(folder, &format!("seed-{seed}"), "", &trace)?;
        }
        tally.compared_steps += trace.len();
        match compare(&trace, &reference, &peer::run(pair.subject, &trace)?, pair.ignore) {
            Verdict::Same => tally.same += 1,
            Verdict::Allowed(id) => *tally.allowed.entry(id).or_default() += 1,
            Verdict::ReferenceFailed { how, step, subject_survived } => {
                let count = tally.failed.entry(how.clone()).or_default();
                *count += 1;
                if let (1, Some(folder)) = (*count, &options.failures) {
                    let minimal = shrink::shrink(&trace, step, &|t: &[String]| pair.fails(t, &how));
                    write_trace(folder, &format!("reference-{seed}"), &how, &minimal)?;
                }
                if options.survive && !subject_survived {
                    println!("seed {seed}: the subject did not survive what the reference fails at ({how})");
                    *tally.different.entry(format!("subject failed after: {how}")).or_default() += 1;
                }
            }
            Verdict::Different(found) => {
                let count = tally.different.entry(found.signature.clone()).or_default();
                *count += 1;
                if *count == 1 && options.command == "random" {
                    report(options, pair, &trace, &found, seed)?;
                }
                if !options.all {
                    break;
                }
            }
        }
    }
    tally.print(options.seed, options.cases);
    Ok(tally)
}

fn corpus(options: &Options) -> Result<bool, String> {
    let pair = Pair { reference: &options.reference, subject: &options.subject, ignore: &options.ignore };
    let mut files = Vec::new();
    for path in &options.files {
        if path.is_dir() {
            let folder = std::fs::read_dir(path).map_err(|why| format!("{}: {why}", path.display()))?;
            files.extend(
                folder.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.extension().is_some_and(|x| x == "trace")),
            );
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    let mut good = true;
    for file in &files {
        let trace = read_trace(file)?;
        match pair.verdict(&trace)? {
            Verdict::Same | Verdict::Allowed(_) => {}
            Verdict::ReferenceFailed { how, subject_survived, .. } => {
                println!("{}: the reference failed: {how}", file.display());
                if options.survive && !subject_survived {
                    println!("{}: the subject failed, too", file.display());
                    good = false;
                }
            }
            Verdict::Different(found) => {
                println!("{}: {}\n{}", file.display(), found.signature, found.report);
                good = false;
            }
        }
    }
    println!("{} traces replayed", files.len());
    Ok(good && !files.is_empty())
}

fn show(options: &Options) -> Result<(), String> {
    for file in &options.files {
        let trace = read_trace(file)?;
        let reference = peer::run(&options.reference, &trace)?;
        let subject = peer::run(&options.subject, &trace)?;
        for ((step, left), right) in trace.iter().zip(reference).zip(subject) {
            println!("> {step}");
            let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
            for line in &left {
                println!("{} {line}", if right.contains(line) { " " } else { "-" });
            }
            for line in right.iter().filter(|l| !left.contains(l)) {
                println!("+ {line}");
            }
        }
    }
    Ok(())
}

fn run() -> Result<bool, String> {
    let options = parse()?;
    if options.command == "deviations" {
        for deviation in deviations::TABLE {
            println!("{}: {}", deviation.id, deviation.why);
        }
        return Ok(true);
    }
    if options.reference.as_os_str().is_empty() || options.subject.as_os_str().is_empty() {
        return Err(format!("--reference and --subject are needed\n{HELP}"));
    }
    match options.command.as_str() {
        "random" => Ok(random(&options)?.different.is_empty()),
        "expect-difference" => Ok(!random(&options)?.different.is_empty()),
        "corpus" => corpus(&options),
        "show" => show(&options).map(|()| true),
        other => Err(format!("unknown command {other}\n{HELP}")),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}
