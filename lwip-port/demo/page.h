/* The parts of the page. */
#ifndef DEMO_PAGE_H
#define DEMO_PAGE_H

/* Formats of printf: %% is a percent sign. The head takes a class ("rust" or "c"), the TCP's name and the sentence about it. */
#define page_head                                                                                                      \
  "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"                                                 \
  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"                                           \
  "<title>lwIP</title>\n<style>\n"                                                                                     \
  ":root{color-scheme:light dark;--ink:#1d2733;--dim:#64707d;--paper:#f5f3ef;--card:#fff;--line:#e5e0d8;--mark:#b7410e}\n" \
  "@media(prefers-color-scheme:dark){:root{--ink:#e8e4dc;--dim:#98a1ab;--paper:#15191e;--card:#1d232a;--line:#2e363f;"  \
  "--mark:#f08a4b}}\n"                                                                                                 \
  ".c{--mark:#2f6fb3}\n"                                                                                               \
  "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\n"                       \
  "main{max-width:64rem;margin:0 auto;padding:2.5rem 1.25rem}\n"                                                       \
  "h1{margin:0;font-size:2rem;letter-spacing:-.02em}h1 b{color:var(--mark)}\n"                                         \
  "p{max-width:44rem;color:var(--dim);margin:.5rem 0 2rem}\n"                                                          \
  "div{display:grid;gap:1.25rem;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));align-items:start}\n"         \
  "section{background:var(--card);border:1px solid var(--line);border-top:3px solid var(--mark);border-radius:8px;"    \
  "padding:1rem 1.25rem}\n"                                                                                            \
  "h2{margin:0 0 .5rem;font-size:1rem}table{border-collapse:collapse;width:100%%}\n"                                   \
  "th,td{padding:.3rem 0;border-top:1px solid var(--line);vertical-align:top}\n"                                       \
  "th{text-align:left;font-weight:400;color:var(--dim);padding-right:1rem}\n"                                          \
  "td{text-align:right;font-variant-numeric:tabular-nums}\n"                                                           \
  "</style></head><body class=\"%s\"><main>\n"                                                                         \
  "<h1>TCP in <b>%s</b></h1>\n<p>%s</p>\n"                                                                             \
  "<div><section><h2>This connection</h2><table>\n"

#define page_about_rust                                                                                                \
  "This page came to you through lwIP with the lwip_tcp_rust core. The figures on the left are those of the very "     \
  "connection that carried it, by lwip_tcp_rust_info(); they follow it while you watch."

#define page_about_c                                                                                                   \
  "This page came to you through lwIP with its own TCP in C, which has no lwip_tcp_rust_info(): on the left is what "   \
  "can be read from the pcb of the very connection that carried it, and it follows it while you watch."

#define page_between "</table></section>\n<section><h2>The stack</h2><table>\n"

#define page_tail                                                                                                      \
  "</table></section></div></main>\n<script>\n"                                                                        \
  "setInterval(async()=>{try{const r=await(await fetch('/info.json')).json();\n"                                       \
  "for(const[k,v]of Object.entries({...r.connection,...r.stack})){const e=document.getElementById(k);"                 \
  "if(e)e.textContent=v}}catch(e){}},1000)\n"                                                                          \
  "</script></body></html>\n"

#endif /* DEMO_PAGE_H */
