//! Reads the user's lwIP (headers, lwipopts.h, flags), and makes of it what the Rust sources need: the bindings, the
//! option macros as constants and cfgs, wrapper.c compiled, the proof of equal struct layouts, and the C header.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::rc::Rc;

/// Prefixes of the enumerators in wrapper.h.
const NUMBER: &str = "LWIP_TCP_RUST_NUM_";
const SWITCH: &str = "LWIP_TCP_RUST_CFG_";
/// That of our own options.
const OPTION: &str = "LWIP_TCP_RUST_";

fn main() {
    for input in ["build.rs", "wrapper.h", "wrapper.c", "cbindgen.toml", "src/ffi/introspection.rs"] {
        println!("cargo::rerun-if-changed={input}");
    }
    for variable in ["LWIP_DIR", "LWIP_INCLUDE_DIRS", "LWIP_CFLAGS"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    declare_cfgs();
    tell_small();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_else(|| fail("OUT_DIR is not set: run this by cargo")));
    let user = User::from_environment();
    let options = Options::default();
    let bindings = bind(&user, &options, &out);
    options.warn_of_what_can_be_guessed();
    options.write(&out.join("config.rs"));
    write(&out.join("bindings.rs"), &bindings);
    write(&out.join("lwip_tcp_rust_layout.h"), &layout_assertions(&bindings));
    compile_wrapper(&user, &out);
    write_header();
}

/// Stops the build with one message that says what to do.
fn fail(message: &str) -> ! {
    // A line of output is one instruction to cargo, so each line of the message is one.
    for line in message.lines() {
        println!("cargo::error={line}");
    }
    exit(1);
}

fn write(path: &Path, text: &str) {
    // An unchanged file keeps its time stamp, so that nothing is rebuilt for it.
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    if let Err(error) = std::fs::write(path, text) {
        fail(&format!("cannot write {}: {error}", path.display()));
    }
}

/// One of our own files.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| fail(&format!("cannot read {path}: {error}")))
}

/// What the user hands over in the environment.
struct User {
    include_dirs: Vec<PathBuf>,
    flags: Vec<String>,
}

impl User {
    fn from_environment() -> Self {
        let lwip = PathBuf::from(required(
            "LWIP_DIR",
            "the folder of lwIP (the one with src/ in it), for example LWIP_DIR=$(scripts/fetch-lwip)",
        ));
        let headers = lwip.join("src/include");
        if !headers.join("lwip/tcp.h").is_file() {
            fail(&format!(
                "LWIP_DIR={} is no lwIP folder: it has no src/include/lwip/tcp.h. Example: LWIP_DIR=$(scripts/fetch-lwip)",
                lwip.display()
            ));
        }
        let listed = required(
            "LWIP_INCLUDE_DIRS",
            "a colon-separated list with lwIP's src/include, the port's include folder (arch/cc.h) and the folder of \
             lwipopts.h, for example LWIP_INCLUDE_DIRS=lwip/src/include:port/include:.",
        );
        let mut include_dirs: Vec<PathBuf> =
            env::split_paths(&listed).filter(|dir| !dir.as_os_str().is_empty()).collect();
        if let Some(missing) = include_dirs.iter().find(|dir| !dir.is_dir()) {
            fail(&format!(
                "LWIP_INCLUDE_DIRS names {}, which is no folder (example: LWIP_INCLUDE_DIRS=lwip/src/include:port/include:.)",
                missing.display()
            ));
        }
        for (file, what) in [("lwipopts.h", "your options"), ("arch/cc.h", "your port")] {
            if !include_dirs.iter().any(|dir| dir.join(file).is_file()) {
                fail(&format!(
                    "no folder of LWIP_INCLUDE_DIRS has {file} ({what}): add the one that does (example: \
                     LWIP_INCLUDE_DIRS=lwip/src/include:port/include:.)"
                ));
            }
        }
        if !include_dirs.iter().any(|dir| dir.join("lwip/tcp.h").is_file()) {
            include_dirs.push(headers);
        }
        let flags = env::var("LWIP_CFLAGS").unwrap_or_default();
        let flags = shlex::split(&flags).unwrap_or_else(|| {
            fail(&format!("LWIP_CFLAGS has an unclosed quote: {flags} (example: LWIP_CFLAGS='-DNO_SYS=1')"))
        });
        Self { include_dirs, flags }
    }

    /// The flags that a C front end of another make (clang under bindgen) understands as well.
    fn preprocessor_flags(&self) -> impl Iterator<Item = &String> {
        let mut value_follows = false;
        self.flags.iter().filter(move |flag| {
            let takes_value = matches!(flag.as_str(), "-D" | "-U" | "-I" | "-include" | "-isystem");
            let keep = value_follows
                || takes_value
                || [
                    "-D",
                    "-U",
                    "-I",
                    "-isystem",
                    "-include",
                    "-fshort-enums",
                    "-fno-short-enums",
                    "-fpack-struct",
                    "-std=",
                    "-mcpu=",
                    "-mfloat-abi=",
                    "-mfpu=",
                    "-mthumb",
                    "-march=",
                    "-mabi=",
                    "--sysroot",
                ]
                .iter()
                .any(|prefix| flag.starts_with(prefix));
            value_follows = takes_value;
            keep
        })
    }
}

fn required(variable: &str, what: &str) -> String {
    match env::var(variable) {
        Ok(value) if !value.is_empty() => value,
        _ => fail(&format!("{variable} is not set: it is {what}")),
    }
}

/// The enumerators of wrapper.h, as clang evaluated them, and the macros that have the name of an option of ours.
#[derive(Clone, Debug, Default)]
struct Options {
    values: Rc<RefCell<BTreeMap<String, i64>>>,
    macros: Rc<RefCell<BTreeSet<String>>>,
}

impl bindgen::callbacks::ParseCallbacks for Options {
    fn enum_variant_behavior(
        &self,
        _enum: Option<&str>,
        variant: &str,
        value: bindgen::callbacks::EnumVariantValue,
    ) -> Option<bindgen::callbacks::EnumVariantCustomBehavior> {
        let value = match value {
            bindgen::callbacks::EnumVariantValue::Signed(value) => value,
            bindgen::callbacks::EnumVariantValue::Unsigned(value) => value as i64,
            _ => return None,
        };
        if variant.starts_with(NUMBER) || variant.starts_with(SWITCH) {
            self.values.borrow_mut().insert(variant.to_owned(), value);
        }
        None
    }

    fn will_parse_macro(&self, name: &str) -> bindgen::callbacks::MacroParsingBehavior {
        if name.starts_with(OPTION) {
            self.macros.borrow_mut().insert(name.to_owned());
        }
        bindgen::callbacks::MacroParsingBehavior::Default
    }
}

impl Options {
    /// RFC 6528, RFC 6056: what is made of nothing random can be found out from outside.
    fn warn_of_what_can_be_guessed(&self) {
        if self.values.borrow().get(&format!("{SWITCH}HAS_RAND")) == Some(&0) {
            println!(
                "cargo::warning=LWIP_RAND is not defined: initial sequence numbers and ports can be guessed from outside. Define it \
                 in arch/cc.h or lwipopts.h (example: #define LWIP_RAND() ((u32_t)board_random()))"
            );
        }
    }

    /// An option that nobody knows is a slip of the pen, which would have no effect.
    fn check_names(&self, user: &User) {
        let known: String = ["wrapper.h", "src/ffi/introspection.rs"].iter().map(|file| read(file)).collect();
        let known: BTreeSet<&str> = known.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let macros = self.macros.borrow();
        let flags = user.flags.iter().map(|flag| flag.strip_prefix("-D").unwrap_or(flag));
        let flags = flags.filter_map(|flag| flag.split('=').next().filter(|name| name.starts_with(OPTION)));
        if let Some(name) = macros.iter().map(String::as_str).chain(flags).find(|name| !known.contains(name)) {
            fail(&format!(
                "lwipopts.h: {name} is no option of this core: README.md has the table of them (example: #define \
                 LWIP_TCP_RUST_SACK 1)"
            ));
        }
    }

    /// Constants into `path`, cfgs to cargo.
    fn write(&self, path: &Path) {
        let mut constants = String::new();
        for (name, value) in self.values.borrow().iter() {
            if let Some(name) = name.strip_prefix(NUMBER) {
                let _ =
                    writeln!(constants, "/// `{name}` as the user's lwIP has it.\npub const {name}: u32 = {value};");
            } else if let (Some(name), 1) = (name.strip_prefix(SWITCH), *value) {
                println!("cargo::rustc-cfg={}", name.to_lowercase());
            }
        }
        write(path, &constants);
    }
}

/// Tells rustc every cfg that `Options::write` may set, by the names in wrapper.h.
fn declare_cfgs() {
    for line in read("wrapper.h").lines() {
        if let Some((_, name)) = line.split_once(SWITCH) {
            let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                println!("cargo::rustc-check-cfg=cfg({})", name.to_lowercase());
            }
        }
    }
}

/// Sets `small` in profiles for size: there some functions are kept apart, for flash and for the depth of the stack, that are quicker
/// in one.
fn tell_small() {
    println!("cargo::rustc-check-cfg=cfg(small)");
    if env::var("OPT_LEVEL").is_ok_and(|level| level == "s" || level == "z") {
        println!("cargo::rustc-cfg=small");
    }
}

/// Whether the user's compiler makes an enum as small as its values allow, as arm-none-eabi-gcc does by default.
fn has_short_enums(user: &User, out: &Path) -> bool {
    let probe = out.join("short_enums.c");
    write(&probe, "enum e { A };\n_Static_assert(sizeof(enum e) == 1, \"enums are short\");\n");
    let mut build = cc::Build::new();
    build.file(&probe).cargo_metadata(false).cargo_warnings(false).warnings(false);
    for flag in &user.flags {
        build.flag(flag);
    }
    build.try_compile("short_enums").is_ok()
}

fn bind(user: &User, options: &Options, out: &Path) -> String {
    let system = system_include_dirs(user);
    let mut builder = bindgen::Builder::default()
        .header("wrapper.h")
        .use_core()
        .ctypes_prefix("::core::ffi")
        .rust_target(bindgen::RustTarget::stable(85, 0).unwrap_or_default())
        .rust_edition(bindgen::RustEdition::Edition2024)
        .generate_comments(false)
        .derive_debug(false)
        .derive_default(false)
        .default_non_copy_union_style(bindgen::NonCopyUnionStyle::ManuallyDrop)
        .parse_callbacks(Box::new(options.clone()))
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new().rerun_on_header_files(true)))
        .allowlist_type("tcp_.*|lwip_event|lwip_tcp_rust_.*|pbuf|pbuf_.*|netif|ip_globals|stats_|memp_t|ip_addr|ip4_addr|ip6_addr")
        .allowlist_function("lwip_tcp_rust_.*|pbuf_(alloc|free|cat|realloc|clen|ref|add_header|add_header_force|remove_header|copy_partial|split_64k)")
        .allowlist_function("lwip_tcp_event|memp_free|netif_get_by_index|sys_now|inet_chksum(_pbuf)?|raw_(new|recv)|nd6_reachability_hint|nd6_get_destination_mtu|tcp_timer_needed")
        .allowlist_var("ip_data|lwip_stats|memp_memory_TCP_PCB_base|TF_.*|TCP_(FIN|SYN|RST|PSH|ACK|URG|ECE|CWR)|SOF_.*|PBUF_FLAG_.*|NETIF_CHECKSUM_.*|ip_addr_any.*")
        .clang_args(user.include_dirs.iter().map(|dir| format!("-I{}", dir.display())))
        .clang_args(user.preprocessor_flags())
        .clang_arg(if has_short_enums(user, out) { "-fshort-enums" } else { "-fno-short-enums" });
    for dir in system {
        builder = builder.clang_arg("-isystem").clang_arg(dir);
    }
    // Where there is no libclang, or it does not know the target, bindgen panics.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let generated = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.generate()));
    std::panic::set_hook(hook);
    let Ok(generated) = generated else {
        fail(&format!(
            "libclang, by which bindgen reads lwIP's headers, is not there or does not know {}: install it (Debian: libclang-dev), or \
             name the folder of one that does in LIBCLANG_PATH (example: LIBCLANG_PATH=/usr/lib/llvm-19/lib)",
            env::var("TARGET").unwrap_or_default()
        ))
    };
    options.check_names(user);
    match generated {
        Ok(bindings) => bindings.to_string(),
        Err(error) => fail(&why_not_read(&error.to_string())),
    }
}

/// What is wrong with the user's headers and options, by what clang says of them.
fn why_not_read(error: &str) -> String {
    if let Some((message, _)) = error.split_once("\"lwipopts.h: ").and_then(|(_, message)| message.split_once("\"\n")) {
        return format!("lwipopts.h: {message}");
    }
    // The line of wrapper.h has the option's name.
    let line =
        error.split_once("wrapper.h:").and_then(|(_, rest)| rest.split(':').next()).and_then(|line| line.parse().ok());
    let line = line.and_then(|line: usize| {
        read("wrapper.h").lines().nth(line.saturating_sub(1)).map(str::trim).map(str::to_owned)
    });
    format!(
        "lwIP's headers cannot be read with your lwipopts.h, LWIP_INCLUDE_DIRS and LWIP_CFLAGS: {}{}. Check that the same folders and \
         defines compile tcp.c (example: LWIP_INCLUDE_DIRS=lwip/src/include:port/include:. LWIP_CFLAGS='-DNO_SYS=1')",
        error.trim().replace('\n', "; "),
        line.map(|line| format!(" in {line}")).unwrap_or_default()
    )
}

/// Where the C library of the user's compiler is when cross-compiling, which clang does not know by itself. The user's flags
/// take part: `--specs=` and `--sysroot` bring folders along. A compiler that does not run, or not with these flags, ends here.
fn system_include_dirs(user: &User) -> Vec<String> {
    let target = env::var("TARGET").unwrap_or_default();
    let compiler = cc::Build::new().get_compiler();
    let name = compiler.path().display();
    let mut command = compiler.to_command();
    for dir in &user.include_dirs {
        command.arg("-I").arg(dir);
    }
    let Ok(output) = command.args(&user.flags).args(["-E", "-Wp,-v", "-xc", "/dev/null"]).output() else {
        fail(&format!(
            "the C compiler {name} for {target} does not run: install it, or name yours in TARGET_CC (example: TARGET_CC=arm-none-eabi-gcc)"
        ));
    };
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let reason = report.lines().find(|line| line.contains("error")).unwrap_or("it ends with an error");
        fail(&format!(
            "LWIP_CFLAGS={}: the C compiler {name} for {target} does not take these flags: {reason} (example: \
             LWIP_CFLAGS='-mcpu=cortex-m4 -mthumb -DNO_SYS=1'; another compiler is named in TARGET_CC)",
            user.flags.join(" ")
        ));
    }
    if env::var("HOST").is_ok_and(|host| host == target) {
        return Vec::new();
    }
    let own: Vec<_> = user.include_dirs.iter().filter_map(|dir| std::fs::canonicalize(dir).ok()).collect();
    report
        .lines()
        .filter(|line| line.starts_with(' '))
        .filter_map(|line| std::fs::canonicalize(line.trim()).ok())
        // GCC's own headers are for GCC; clang brings its own.
        .filter(|dir| !dir.to_string_lossy().contains("/lib/gcc") && !own.contains(dir))
        .map(|dir| dir.display().to_string())
        .collect()
}

/// A static assertion for each size and offset that bindgen computed of lwIP's structs.
fn layout_assertions(bindings: &str) -> String {
    const ADVICE: &str =
        "the Rust core was built for another layout: build it with the same lwipopts.h and flags (LWIP_CFLAGS)";
    let mut header =
        String::from("/* Written by build.rs: the struct layouts of the Rust side. */\n#include <stddef.h>\n");
    for line in bindings.lines().map(str::trim) {
        let Some((what, rest)) = line.strip_prefix("[\"").and_then(|line| line.split_once("\"]")) else { continue };
        let Some(number) = rest.rsplit_once(" - ").map(|(_, number)| number.trim_end_matches("usize];")) else {
            continue;
        };
        if let Some(name) = what.strip_prefix("Size of ") {
            if let Some(kind) = aggregate(name) {
                let _ = writeln!(
                    header,
                    "_Static_assert(sizeof({kind} {name}) == {number}, \"sizeof({name}): {ADVICE}\");"
                );
            }
        } else if let Some((name, field)) =
            what.strip_prefix("Offset of field: ").and_then(|what| what.split_once("::"))
        {
            if let Some(kind) = aggregate(name) {
                let field = field.strip_suffix('_').unwrap_or(field);
                let _ = writeln!(
                    header,
                    "_Static_assert(offsetof({kind} {name}, {field}) == {number}, \"{name}.{field}: {ADVICE}\");"
                );
            }
        }
    }
    header
}

/// The C keyword before the name of a struct that both sides access; none for the others.
fn aggregate(name: &str) -> Option<&'static str> {
    const SHARED: [&str; 9] = [
        "tcp_pcb",
        "tcp_pcb_listen",
        "tcp_seg",
        "tcp_hdr",
        "pbuf",
        "pbuf_rom",
        "netif",
        "ip_globals",
        "tcp_sack_range",
    ];
    SHARED.contains(&name).then_some("struct")
}

fn compile_wrapper(user: &User, out: &Path) {
    let mut build = cc::Build::new();
    build.file("wrapper.c").include(".").include(out).includes(&user.include_dirs).warnings(false);
    // Whether there are frame pointers is for the user's flags to say: `cc` would want them wherever there is debug information.
    build.force_frame_pointer(false);
    build.flag_if_supported("-ffunction-sections").flag_if_supported("-fdata-sections");
    // The user's flags come last, so that they win over those that cc derives from the Rust target.
    for flag in &user.flags {
        build.flag(flag);
    }
    if build.try_compile("lwip_tcp_rust_wrapper").is_err() {
        fail(
            "wrapper.c does not compile with your compiler, LWIP_INCLUDE_DIRS and LWIP_CFLAGS: above is what the compiler says. Check \
             that they compile tcp.c (example: LWIP_CFLAGS='-mcpu=cortex-m4 -mthumb -DNO_SYS=1')",
        );
    }
}

/// include/lwip_tcp_rust.h, for the C side.
fn write_header() {
    let config =
        cbindgen::Config::from_file("cbindgen.toml").unwrap_or_else(|error| fail(&format!("cbindgen.toml: {error}")));
    let generated = cbindgen::Builder::new().with_src("src/ffi/introspection.rs").with_config(config).generate();
    match generated {
        Ok(header) => {
            let mut text = Vec::new();
            header.write(&mut text);
            // C of 1990 has no comments to the end of a line; Rust's heading says nothing to a C programmer.
            let text = String::from_utf8_lossy(&text).replace(" * # Safety\n", "");
            let ends = ["#endif", "}"];
            let text = text.lines().fold(String::new(), |text, line| {
                let is_end = ends.iter().any(|end| line.starts_with(end));
                let line = if is_end { line.split("//").next().unwrap_or(line).trim_end() } else { line };
                text + line + "\n"
            });
            let _ = std::fs::create_dir_all("include");
            write(Path::new("include/lwip_tcp_rust.h"), &text);
        }
        Err(error) => fail(&format!("include/lwip_tcp_rust.h cannot be written: {error}")),
    }
}
