drop table corporate_action;
drop table fill;
drop table submission;
drop table intent;
drop table cycle;
drop table event;
